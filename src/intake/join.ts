/**
 * Joins feedback with the served prediction that it refers to. Feedback may arrive before its prediction, because
 * predictions are stored after the answer; it then waits here.
 *
 * Waiting is bounded in events, count, bytes, and time. The time is that of the records, never of a clock, so that
 * every run gives up on the same events. Entries are retried after 1, 2, 4, … later events, and the newest whenever the
 * stream is idle.
 *
 * An item of a ranking that was shown waits here too, for its reward: until the records of the stream are as much later as its
 * window is long, or until the clock says so while the stream is idle, which the trainer records before it follows.
 */
import { CodedError, type ExampleKey } from '../contracts/core.ts'
import type { FeedbackEvent, ServedPrediction } from '../contracts/event.ts'
import type { SignalKind } from '../contracts/payload.ts'
import type { SourceRecord } from '../contracts/source.ts'
import { kindOf } from './events/signal.ts'

/**
 * Looks up served predictions. Called for each event that refers to one; a coded, retriable failure is retried. Rejects with
 * `PREDICTION_ERASED` for one that a request to forget has erased.
 */
export interface Predictions {
  find(id: string): Promise<ServedPrediction | undefined>
}

export function isErased(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'PREDICTION_ERASED'
}

/** One record with the source it came from, for a dead letter. */
export interface ReceivedRecord {
  readonly connector: string
  readonly record: SourceRecord
}

export interface WaitingEvent {
  readonly key: ExampleKey
  readonly event: FeedbackEvent
  readonly received: ReceivedRecord
  /** The count of accepted events when it arrived. */
  readonly since: number
  /** It was counted as accepted before it was set aside. */
  readonly isCounted?: true
}

export interface WaitingLimits {
  readonly count: number
  readonly events: number
  /** In the transport's time; absent = no bound. */
  readonly ms?: number
  /** Total size of the messages; absent = no bound. */
  readonly bytes?: number
}

/** The events that wait for a time of the stream, not for their prediction, and how long. */
export interface RewardWindow {
  readonly ms: number
  holds(event: FeedbackEvent): boolean
}

/** Whether the prediction must be looked up: its input is needed, or the answer that a rating or a correction judges. */
export function needsPrediction(
  { predictionId, input, signal }: FeedbackEvent,
  signals: readonly SignalKind[],
): boolean {
  if (predictionId === undefined) return false
  if (input === undefined) return true
  const kind = kindOf(signal, signals)
  return kind?.judges?.(signal) ?? kind?.about === 'answer'
}

/** A reward that was accepted within the window may still be on its way to the trainer. */
const ON_ITS_WAY_MS = 1000

export class PendingJoins {
  readonly #limits: WaitingLimits
  readonly #window: RewardWindow | undefined
  /** In the order of arrival. */
  readonly #events = new Map<ExampleKey, WaitingEvent>()
  /** Those among them that the window holds. */
  readonly #held = new Map<ExampleKey, WaitingEvent>()
  /** Count of accepted events → the events to retry then. */
  readonly #retryAt = new Map<number, ExampleKey[]>()
  /** Prediction → keys of the events that wait for it. */
  readonly #about = new Map<string, Set<ExampleKey>>()
  #bytes = 0
  /** The time of the newest record that was seen. */
  #newestMs = 0

  constructor(limits: WaitingLimits, window?: RewardWindow) {
    this.#limits = limits
    this.#window = window
  }

  get size(): number {
    return this.#events.size
  }

  get events(): readonly WaitingEvent[] {
    return [...this.#events.values()]
  }

  /** The time of the stream. Part of the checkpoint: what waits does not tell it. */
  get newestMs(): number {
    return this.#newestMs
  }

  has(key: ExampleKey): boolean {
    return this.#events.has(key)
  }

  /** Call it for each record, of any kind: it advances the time. */
  saw({ timeMs = 0 }: Pick<SourceRecord, 'timeMs'>): void {
    this.#newestMs = Math.max(this.#newestMs, timeMs)
  }

  get(key: ExampleKey): WaitingEvent | undefined {
    return this.#events.get(key)
  }

  enter(waiting: WaitingEvent): void {
    this.#put(waiting)
    if (!this.#held.has(waiting.key)) this.#schedule(waiting, waiting.since)
  }

  /** The oldest whose window is over, or that there is no room for. It stays until it leaves. */
  over(): WaitingEvent | undefined {
    const [oldest] = this.#held.values()
    if (oldest === undefined || this.#window === undefined) return undefined
    const { timeMs = this.#newestMs } = oldest.received.record
    const isOver = this.#newestMs - timeMs >= this.#window.ms
    return isOver || this.#held.size > this.#limits.count ? oldest : undefined
  }

  /** The stream is idle: its time becomes the end of the last window that is over by the clock. Returns whether there is one. */
  passTo(nowMs: number): boolean {
    const before = this.#newestMs
    for (const { received } of this.#held.values()) {
      const endMs = (received.record.timeMs ?? Infinity) + (this.#window?.ms ?? Infinity)
      if (endMs + ON_ITS_WAY_MS > nowMs) break
      this.saw({ timeMs: endMs })
    }
    return this.#newestMs > before
  }

  leave(key: ExampleKey): void {
    const waiting = this.#events.get(key)
    if (waiting === undefined) return
    this.#bytes -= waiting.received.record.value.byteLength
    this.#events.delete(key)
    this.#held.delete(key)
    const { predictionId = '' } = waiting.event
    const keys = this.#about.get(predictionId)
    keys?.delete(key)
    if (keys?.size === 0) this.#about.delete(predictionId)
  }

  /** Removes entries that are too old or too many, oldest first: their prediction will not arrive. */
  expire(accepted: number): readonly WaitingEvent[] {
    const gone: WaitingEvent[] = []
    for (const waiting of this.#events.values()) {
      if (this.#held.has(waiting.key)) continue
      if (!this.#isLate(waiting, accepted) && !this.#isOverfull()) break
      this.leave(waiting.key)
      gone.push(waiting)
    }
    return gone
  }

  /** Those to try again now. Asked once at each count. */
  due(accepted: number): readonly WaitingEvent[] {
    const keys = this.#retryAt.get(accepted) ?? []
    this.#retryAt.delete(accepted)
    const due = keys.flatMap((key) => this.#events.get(key) ?? [])
    for (const waiting of due) this.#schedule(waiting, accepted)
    return due
  }

  newest(count: number): readonly WaitingEvent[] {
    return this.events.filter(({ key }) => !this.#held.has(key)).slice(-count)
  }

  /** Those that a retraction refers to, by their own key or by their prediction. */
  about(key: ExampleKey, predictionId: string | undefined): readonly WaitingEvent[] {
    const keys = predictionId === undefined ? [] : (this.#about.get(predictionId) ?? [])
    return [...new Set([key, ...keys])].flatMap((each) => this.#events.get(each) ?? [])
  }

  restore(events: readonly WaitingEvent[], accepted: number, newestMs = 0): void {
    this.#newestMs = newestMs
    this.#events.clear()
    this.#held.clear()
    this.#retryAt.clear()
    this.#about.clear()
    this.#bytes = 0
    for (const waiting of events) {
      this.#put(waiting)
      if (!this.#held.has(waiting.key)) this.#schedule(waiting, accepted)
    }
  }

  #put(waiting: WaitingEvent): void {
    const { record } = waiting.received
    this.leave(waiting.key)
    this.#events.set(waiting.key, waiting)
    if (this.#window?.holds(waiting.event) === true) this.#held.set(waiting.key, waiting)
    this.#bytes += record.value.byteLength
    const { predictionId = '' } = waiting.event
    const keys = this.#about.get(predictionId) ?? new Set()
    this.#about.set(predictionId, keys.add(waiting.key))
    this.saw(record)
  }

  #isLate({ since, received }: WaitingEvent, accepted: number): boolean {
    const { events, ms = Infinity } = this.#limits
    const { timeMs = this.#newestMs } = received.record
    return accepted - since >= events || this.#newestMs - timeMs >= ms
  }

  #isOverfull(): boolean {
    const { count, bytes = Infinity } = this.#limits
    return this.size - this.#held.size > count || this.#bytes > bytes
  }

  /** The first of since + 1, 2, 4, … that lies after `accepted`, so that a restart changes no date. */
  #schedule({ key, since }: WaitingEvent, accepted: number): void {
    let after = 1
    while (since + after <= accepted) after *= 2
    const keys = this.#retryAt.get(since + after)
    if (keys === undefined) this.#retryAt.set(since + after, [key])
    else keys.push(key)
  }
}
