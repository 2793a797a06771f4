/**
 * In a fleet, feedback is durable in the inbox of the replica that accepted it, and one trainer somewhere learns it.
 * The forwarder ships it there, in order, through a Redis stream. Redis stores how far this replica's messages are in
 * the stream, changed together with the stream, so exactly what Redis loses is sent again.
 *
 * A message counts as learned when the trainer's mark has passed it; until then the inbox keeps it.
 */
import { rest } from '../../contracts/core.ts'
import { openJitter } from '../../platform/random.ts'
import { RetryPolicy } from '../../platform/retry.ts'
import type { Clock, Logger } from '../../contracts/core.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import { look, send, type Messages, type Standing, LearnedMarks } from './forward-script.ts'
import type { InboxJournal } from './reader.ts'

export interface ForwarderOptions {
  readonly journal: InboxJournal
  readonly redis: Pick<Redis, 'script'>
  readonly keys: ForwardKeys
  readonly replica: string
  readonly clock: Clock
  readonly log: Logger
  /** Entries of the stream that the trainer has not learned; beyond it messages wait in the inbox. */
  readonly unreadEntries: number
  /** Approximate size of the stream in the memory of Redis; beyond it the same. Absent = 1 GiB. */
  readonly bytes?: number
  /** Entries younger than this are never trimmed. Longer than the maximum age of a checkpoint copy at a takeover. */
  readonly keepMs?: number
  /**
   * Awaited before messages are sent, so that what they refer to arrives first. Must end on its own, and never reject.
   */
  readonly before?: () => Promise<void>
  readonly onForwarded?: (count: number) => void
}

/** Keys in one slot. */
export interface ForwardKeys {
  readonly stream: string
  /** This replica's position in the stream. */
  readonly place: string
  /** The hash where the stream's reader stores its position. */
  readonly word: string
}

export interface Forwarder {
  /** The inbox has new messages. */
  wake(): void
  /** Messages that are not in the stream yet. */
  waiting(): number
  /** The trainer's mark in the stream: an id; '' before its first report. */
  heard(): string
  /** Continues for at most `flushMs` as long as there are messages and Redis accepts them. Idempotent. */
  close(flushMs?: number): Promise<void>
}

export function openForwarder(options: ForwarderOptions): Forwarder {
  const forwarder = new StreamForwarder(options)
  forwarder.start()
  return forwarder
}

const BATCH_MESSAGES = 500
const STREAM_BYTES = 1024 ** 3
/** One script blocks all other clients of Redis. */
const BATCH_BYTES = 512 * 1024
const POLL_MS = 500
const LONGEST_PAUSE_MS = 5_000
const FIRST_PAUSE_MS = 200
const KEEP_MS = 120_000

/** `more` at once; otherwise how it waits. */
type Outcome = 'more' | 'idle' | 'full' | 'failed'

class StreamForwarder implements Forwarder {
  readonly #options: ForwarderOptions
  readonly #keys: readonly string[]
  readonly #retry: RetryPolicy
  /** Redis's position for us; undefined = unknown, read it first. */
  #place: string | undefined
  /** Whether the stream existed. */
  #hasStream = false
  #next: number
  readonly #marks = new LearnedMarks()
  #heard = ''
  #failures = 0
  #isFull = false
  #woken = false
  #resting: AbortController | undefined
  /** Waits because there was nothing to send, not because of a failure. */
  #isIdle = false
  #endMs: number | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#keys = [options.keys.stream, options.keys.place, options.keys.word]
    this.#next = options.journal.learned()
    this.#retry = new RetryPolicy({
      clock: options.clock,
      jitter: openJitter('forwarder'),
      firstMs: FIRST_PAUSE_MS,
      longestMs: LONGEST_PAUSE_MS,
    })
  }

  start(): void {
    this.#running = this.#run()
  }

  wake(): void {
    this.#woken = true
    if (this.#isIdle) this.#resting?.abort()
  }

  heard(): string {
    return this.#heard
  }

  waiting(): number {
    return Math.max(0, this.#options.journal.end() - this.#next)
  }

  async close(flushMs = 0): Promise<void> {
    this.#endMs ??= this.#options.clock.monotonicMs() + flushMs
    this.#resting?.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      const { clock } = this.#options
      if (this.#endMs !== undefined && clock.monotonicMs() >= this.#endMs) return
      const outcome = await this.#step()
      if (outcome === 'more') continue
      if (this.#endMs !== undefined) return
      await this.#rest(outcome)
    }
  }

  async #step(): Promise<Outcome> {
    try {
      if (this.#place === undefined) await this.#look()
      const outcome = await this.#send()
      if (this.#failures > 0) this.#options.log.info({}, 'forwarding feedback again')
      this.#failures = 0
      return outcome
    } catch (err) {
      // It is unknown whether the last batch arrived: read the position from Redis.
      this.#place = undefined
      if (this.#failures === 0) this.#options.log.warn({ err }, 'feedback waits in the inbox')
      this.#failures += 1
      return 'failed'
    }
  }

  /** The position in Redis. Messages that it lost after the trainer had learned them are not sent again. */
  async #look(): Promise<void> {
    const { redis, journal, replica } = this.#options
    const standing = await look(redis, this.#keys, { replica, inbox: journal.identity })
    const sent = this.#mark(standing)
    this.#hear(standing.word)
    // The marks of an earlier process are gone.
    if (sent !== undefined && standing.unlearned !== undefined)
      journal.consumed(Math.min(sent, standing.unlearned))
    const next = Math.max(sent ?? 0, journal.learned())
    if (next < this.#next) this.#tellBack(next)
    this.#next = next
    this.#place = standing.place
    this.#hasStream = standing.last !== undefined
  }

  /**
   * Everything sent so far is at or before the stream's last entry. Earlier marks stay if nothing was lost. Undefined
   * if Redis does not know this inbox, or has the position without the stream.
   */
  #mark({ place, last }: Standing): number | undefined {
    const sent = this.#sentAt(place)
    if (sent === undefined || last === undefined || sent < this.#next) this.#marks.clear()
    if (sent === undefined || last === undefined) return undefined
    const marked = this.#marks.last ?? this.#options.journal.learned()
    if (sent > marked) this.#marks.add(last, sent)
    return sent
  }

  #sentAt(place: string): number | undefined {
    const { journal } = this.#options
    const [identity, offset] = place.split('/')
    const sent = Number(offset)
    // Beyond the end: this inbox is older, from a restored disk.
    return identity === journal.identity && sent <= journal.end() ? sent : undefined
  }

  async #send(): Promise<Outcome> {
    const { journal, redis, replica, unreadEntries, before } = this.#options
    const { keepMs = KEEP_MS, bytes = STREAM_BYTES } = this.#options
    const most = Math.max(1, Math.min(BATCH_MESSAGES, Math.floor(unreadEntries / 4)))
    const batch = bounded(journal.read(this.#next, most))
    const last = batch.at(-1)
    if (last === undefined) {
      // Checked again, to learn how far the trainer is.
      if (this.#marks.last !== undefined) this.#place = undefined
      return 'idle'
    }
    await before?.()
    const next = last.offset + 1
    const place = `${journal.identity}/${next}`
    const { status, id, word } = await send(redis, this.#keys, {
      expected: this.#place ?? '',
      hasStream: this.#hasStream,
      place,
      replica,
      messages: batch,
      unreadEntries,
      bytes,
      keepMs,
    })
    if (status === 'moved') this.#place = undefined
    if (status === 'sent') this.#sent(place, next, id, batch.length)
    this.#hear(word)
    return this.#outcomeOf(status)
  }

  #sent(place: string, next: number, id: string, count: number): void {
    this.#place = place
    this.#hasStream = true
    this.#next = next
    this.#marks.add(id, next)
    this.#options.onForwarded?.(count)
  }

  #outcomeOf(status: string): Outcome {
    const isFull = status === 'full'
    if (isFull && !this.#isFull) {
      const { keys, unreadEntries } = this.#options
      const message = 'the trainer is behind: feedback waits in the inbox'
      this.#options.log.warn({ stream: keys.stream, unreadEntries }, message)
    }
    this.#isFull = isFull
    // Checked again, to learn how far the trainer is.
    if (isFull) this.#place = undefined
    return isFull ? 'full' : 'more'
  }

  /** The trainer's position, in the stream's ids. */
  #hear(word: string): void {
    if (word === '') return
    this.#heard = word
    const learned = this.#marks.passed(word)
    if (learned !== undefined) this.#options.journal.consumed(learned)
  }

  #tellBack(next: number): void {
    const again = this.#next - next
    this.#options.log.warn({ again, from: next }, 'Redis has lost feedback: sending it again')
  }

  async #rest(outcome: Outcome): Promise<void> {
    const { clock } = this.#options
    this.#isIdle = outcome === 'idle'
    const isWoken = this.#woken && this.#isIdle
    this.#woken = false
    if (isWoken) return
    this.#resting = new AbortController()
    const pauseMs = outcome === 'failed' ? this.#retry.delayMs(this.#failures - 1) : POLL_MS
    await rest(clock, pauseMs, this.#resting.signal)
    this.#resting = undefined
  }
}

function bounded(messages: Messages): Messages {
  let bytes = 0
  const end = messages.findIndex(({ value }, index) => {
    bytes += value.length
    return bytes > BATCH_BYTES && index > 0
  })
  return end < 0 ? messages : messages.slice(0, end)
}
