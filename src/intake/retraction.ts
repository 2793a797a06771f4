/**
 * The target of a retraction: one event, all feedback about a prediction, or everything from a source (since a time).
 * Without a source it means the event of its connector, or otherwise that id from any source.
 */
import { isRetraction, type FeedbackEvent } from '../contracts/event.ts'
import type { ExampleKey } from '../contracts/core.ts'
import { identityOf, keyOf } from './events/event-key.ts'

/** Whether an event of one source may replace or take back what another one said about the same prediction. */
export type SourceReach = (from: string, to: string) => boolean

/** The identifying facts of anything that is stored of an event. */
interface TracedEvent {
  readonly key: ExampleKey
  readonly predictionId?: string | undefined
  readonly timeMs?: number | undefined
}

/** `id`: of any source but some. */
export type Meant =
  | { readonly kind: 'event'; readonly key: ExampleKey; readonly predictionId?: string | undefined }
  | { readonly kind: 'id'; readonly id: string; readonly except?: readonly string[] | undefined }
  | { readonly kind: 'source'; readonly source: string; readonly sinceMs?: number | undefined }

/** `isTaken`: whether that key was ever taken. */
export function meantBy(event: FeedbackEvent, isTaken: (key: ExampleKey) => boolean): Meant {
  const { signal, source, id, predictionId } = event
  const key = keyOf(event)
  if (!isRetraction(signal)) return { kind: 'event', key }
  if (signal.all !== undefined) return { kind: 'source', source, ...signal.all }
  if (signal.anySource === true && predictionId === undefined && !isTaken(key))
    return { kind: 'id', id, ...(signal.exceptSources && { except: signal.exceptSources }) }
  return { kind: 'event', key, predictionId }
}

export function isMeant(
  meant: Meant,
  { key, predictionId, timeMs = -Infinity }: TracedEvent,
): boolean {
  if (meant.kind === 'id') {
    const { source, id } = identityOf(key)
    return id === meant.id && meant.except?.includes(source) !== true
  }
  if (meant.kind === 'source')
    return identityOf(key).source === meant.source && timeMs >= (meant.sinceMs ?? -Infinity)
  const isAbout = meant.predictionId !== undefined && meant.predictionId === predictionId
  return key === meant.key || isAbout
}

export interface AheadLimits {
  readonly perSource: number
  readonly all: number
  /** Accepted events after which one is dropped. */
  readonly events: number
}

/** Key → the count of accepted events when it arrived. */
export type AheadState = readonly (readonly [key: ExampleKey, at: number])[]

/**
 * Retractions that arrived before their events: the event is refused when it comes (RETRACTED, in the dead letters).
 * Bounded per source and in total, and dropped after a number of later events, so that made-up ids cannot crowd out a
 * source.
 */
export class Ahead {
  readonly #limits: AheadLimits
  readonly #keys = new Map<ExampleKey, number>()
  #state: AheadState | undefined

  constructor(limits: AheadLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#keys.size
  }

  /** Another array when it has changed. */
  get state(): AheadState {
    this.#state ??= [...this.#keys]
    return this.#state
  }

  has(key: ExampleKey, accepted: number): boolean {
    const at = this.#keys.get(key)
    return at !== undefined && accepted - at < this.#limits.events
  }

  /** Whether any is taken. */
  get isOn(): boolean {
    return this.#limits.perSource > 0
  }

  /** False when there is no room. */
  add(key: ExampleKey, accepted: number): boolean {
    for (const [old, at] of this.#keys) {
      if (accepted - at < this.#limits.events) break
      this.remove(old)
    }
    const { source } = identityOf(key)
    const own = [...this.#keys.keys()].filter((other) => identityOf(other).source === source).length
    if (own >= this.#limits.perSource || this.size >= this.#limits.all) return false
    this.#keys.set(key, accepted)
    this.#state = undefined
    return true
  }

  remove(key: ExampleKey): void {
    if (this.#keys.delete(key)) this.#state = undefined
  }

  restore(state: AheadState): void {
    this.#keys.clear()
    for (const [key, at] of state) this.#keys.set(key, at)
    this.#state = state
  }
}
