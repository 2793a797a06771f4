/**
 * The inbox of HTTP feedback: the embedded topic. `append` resolves when the events are on disk, so a 202 is a promise;
 * concurrent appends share one transaction and one disk flush (group commit).
 *
 * An identity is accepted once for each signal: a repetition is counted as a duplicate here, before the trainer sees
 * it, and a different signal supersedes the earlier one. Learned events are removed after the retention time; their
 * identity stays until `seenEvents` younger ones have come.
 */
import type { Clock, EventIdentity } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { hashOf } from '../dedupe/dedupe.ts'
import { keyOf, FORGOTTEN, signalDigest, UNKNOWN_SIGNAL } from '../events/event-key.ts'
import {
  erasePredictions,
  isForgotten,
  predictionsCiting,
  type CitingPrediction,
} from './erased-predictions.ts'
import { inboxMigrations } from './schema.ts'

export interface IncomingEvent {
  readonly source: string
  readonly id: string
  /** Digest of its signal; absent = unknown, and any signal counts as the same. */
  readonly digest?: number
  /** Whether a repetition is meaningful. */
  readonly isRepeatable?: boolean
  readonly bytes: Uint8Array
  /** The trace of the request that brought it. */
  readonly traceparent?: string
}

/** A retraction may carry the id of the event that it retracts; it is not a repetition of it. */
export function incomingEvent(
  event: Pick<FeedbackEvent, 'source' | 'id' | 'signal' | 'weight' | 'input' | 'predictionId'>,
  bytes: Uint8Array,
): IncomingEvent {
  const { source, id } = event
  const digest = signalDigest(event)
  const { signal } = event
  if (!isRetraction(signal)) return { source, id, digest, bytes }
  const isRepeatable = signal.all !== undefined
  return { source, id: `${id}\0retract`, digest, isRepeatable, bytes }
}

export interface AppendedEvents {
  readonly accepted: number
  /** Indexes of events with known identities. */
  readonly duplicates: readonly number[]
  /** Indexes of accepted ones that were retracted before: the trainer refuses them, unless that was long ago. */
  readonly retracted?: readonly number[]
  /** All of them are below this offset. */
  readonly end: number
}

export interface InboxOptions {
  /** Maximum of events that the trainer has not read; beyond it `INBOX_FULL`. */
  readonly unreadEvents: number
  /** Maximum bytes of messages; learned ones are removed first, then `INBOX_FULL`. Absent = no bound. */
  readonly bytes?: number
  readonly seenEvents: number
  /** How long learned events stay, so that they can be relearned; never more than `unreadEvents` of them. */
  readonly retentionMs: number
  readonly clock: Clock
}

export interface InboxCounts {
  /** Events that the trainer has not saved as learned. */
  unread(): number
  /** The offset of the next event, and the first one that the trainer has not saved as learned. */
  marks(): { readonly end: number; readonly consumed: number }
  /** Duplicates so far. */
  duplicates(): number
  /** The offset of the newest signal under an id, even if it was removed; undefined if none is known. */
  offsetOf(event: EventIdentity): number | undefined
  /** Identities removed because of `seenEvents` so far. */
  forgotten(): number
}

export interface Inbox extends InboxCounts {
  /** `undone`: identities below this offset are no duplicates, because a rollback has undone them. */
  append(events: readonly IncomingEvent[], undone?: number): Promise<AppendedEvents>
  /** Events that were forgotten on request, by the hashes of their keys: whatever comes under their ids is a duplicate, and not stored. */
  refuse(hashes: readonly Uint8Array[]): Promise<void>
  /** Writes pending events, then closes. */
  close(): Promise<void>
}

export function openInbox(path: string, options: InboxOptions): Inbox {
  return new SqliteInbox(openStore(path, { migrations: inboxMigrations }), options)
}

interface WaitingAppend {
  readonly events: readonly IncomingEvent[]
  readonly undone: number
  readonly resolve: (appended: AppendedEvents) => void
  readonly reject: (reason: unknown) => void
}

/** Appended events between two sweeps of old ones. */
const SWEEP_EVERY = 1000
/** How many of the oldest one sweep may remove: more than have arrived since the last. */
const SWEPT_EVENTS = 4 * SWEEP_EVERY

/** Read from any connection to the file. */
export function inboxCounts(store: Store, marks = () => inboxMarks(store)): InboxCounts {
  return {
    unread: () => {
      const { end, consumed } = marks()
      return end - consumed
    },
    marks: () => {
      const { end, consumed } = marks()
      return { end, consumed }
    },
    duplicates: () => marks().duplicates,
    offsetOf: (event) =>
      store
        .get('SELECT offset FROM identities WHERE hash = ?', hashOf(keyOf(event)))
        ?.number('offset'),
    // Offsets begin at 0, and the oldest go first.
    forgotten: () =>
      Math.max(
        0,
        store.get('SELECT min(offset) AS oldest FROM identities')?.numberOrNull('oldest') ?? 0,
      ),
  }
}

/** In one query: every request needs it. */
export function inboxMarks(store: Store) {
  const of = (name: Mark) => `(SELECT value FROM marks WHERE name = '${name}') AS "${name}"`
  const row = store.get(`SELECT ${of('end')}, ${of('consumed')}, ${of('duplicates')}`)
  const mark = (name: Mark) => row?.numberOrNull(name) ?? 0
  return { end: mark('end'), consumed: mark('consumed'), duplicates: mark('duplicates') }
}

type Mark = 'end' | 'consumed' | 'duplicates' | 'messages_bytes'

function markIn(store: Store, name: Mark): number {
  return store.get('SELECT value FROM marks WHERE name = ?', name)?.number('value') ?? 0
}

/** At a place that is learned already. Returns those that were not refused before. */
export function refuseHashes(store: Store, hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const put = `INSERT INTO identities (hash, offset, lesson)
    SELECT ?, value - 1, ${FORGOTTEN} FROM marks WHERE name = 'consumed'
    ON CONFLICT (hash) DO UPDATE SET lesson = excluded.lesson
    WHERE lesson <> excluded.lesson`
  return store.transaction(() => hashes.filter((hash) => store.run(put, hash) > 0))
}

class SqliteInbox implements Inbox {
  readonly #store: Store
  readonly #counts: InboxCounts
  readonly #options: InboxOptions
  #waiting: WaitingAppend[] = []
  #sinceSweep = 0

  constructor(store: Store, options: InboxOptions) {
    this.#store = store
    this.#counts = inboxCounts(store)
    this.#options = options
  }

  async append(events: readonly IncomingEvent[], undone = 0): Promise<AppendedEvents> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#commit())
      this.#waiting.push({ events, undone, resolve, reject })
    })
  }

  unread(): number {
    return this.#counts.unread()
  }

  marks(): { readonly end: number; readonly consumed: number } {
    return this.#counts.marks()
  }

  duplicates(): number {
    return this.#counts.duplicates()
  }

  offsetOf(event: EventIdentity): number | undefined {
    return this.#counts.offsetOf(event)
  }

  forgotten(): number {
    return this.#counts.forgotten()
  }

  async refuse(hashes: readonly Uint8Array[]): Promise<void> {
    // The trainer that forgot them may be on another machine, and the answers that quote them here.
    if (refuseHashes(this.#store, hashes).length > 0) this.#eraseQuotes()
    return Promise.resolve()
  }

  #eraseQuotes(): void {
    const isMeant = ({ cited = [] }: CitingPrediction) =>
      cited.some((event) => isForgotten(this.#store, event))
    const quoting = predictionsCiting(this.#store, isMeant)
    this.#store.transaction(() => {
      for (const id of quoting) erasePredictions(this.#store, 'id = ?', id)
    })
  }

  async close(): Promise<void> {
    this.#commit()
    this.#store.close()
    return Promise.resolve()
  }

  /** Each waiting caller gets one answer, or all get the failure, and nothing was stored. */
  #commit(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 0) return
    try {
      const answers = this.#store.transaction(() => waiting.map((each) => this.#add(each)))
      waiting.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]
        if (answer instanceof Error || answer === undefined) reject(answer)
        else resolve(answer)
      })
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  #add({ events, undone }: WaitingAppend): AppendedEvents | Error {
    const room = this.#options.unreadEvents - this.unread()
    if (events.length > room) return full(events.length, room, this.#options.unreadEvents)
    const tooMuch = this.#withoutRoom(events)
    if (tooMuch !== undefined) return tooMuch
    const from = this.#mark('end')
    const duplicates: number[] = []
    let end = from
    events.forEach((event, index) => {
      if (this.#keep(event, end, undone)) end += 1
      else duplicates.push(index)
    })
    this.#store.run(`UPDATE marks SET value = ? WHERE name = 'end'`, end)
    const counted = `UPDATE marks SET value = value + ? WHERE name = 'duplicates'`
    if (duplicates.length > 0) this.#store.run(counted, duplicates.length)
    this.#sweep(end, end - from)
    const again = new Set(duplicates)
    const retracted = events.flatMap((event, at) =>
      !again.has(at) && this.#isRetracted(event) ? [at] : [],
    )
    const isAny = retracted.length > 0
    return { accepted: end - from, duplicates, ...(isAny && { retracted }), end }
  }

  /** Its id was retracted before it came. */
  #isRetracted({ source, id }: IncomingEvent): boolean {
    const hash = hashOf(keyOf({ source, id: `${id}\0retract` }))
    return this.#store.get('SELECT offset FROM identities WHERE hash = ?', hash) !== undefined
  }

  /** Learned events are removed early to make room. */
  #withoutRoom(events: readonly IncomingEvent[]): Error | undefined {
    const { bytes: limit = Infinity } = this.#options
    const more = events.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
    if (this.#mark('messages_bytes') + more <= limit) return undefined
    this.#store.run('DELETE FROM messages WHERE offset < ?', this.#oldest())
    const bytes = this.#mark('messages_bytes')
    return bytes + more <= limit ? undefined : heavy(bytes, more, limit)
  }

  /** The limit of one sweep: the oldest few thousand, never the whole table while requests wait. */
  #oldest(): number {
    const sql = 'SELECT min(offset) AS first FROM messages'
    const first = this.#store.get(sql)?.numberOrNull('first') ?? 0
    return Math.min(this.#mark('consumed'), first + SWEPT_EVENTS)
  }

  #keep(event: IncomingEvent, offset: number, undone: number): boolean {
    const { digest = UNKNOWN_SIGNAL } = event
    const put = `INSERT INTO identities (hash, offset, lesson) VALUES (?, ?, ?)
      ON CONFLICT (hash) DO UPDATE SET offset = excluded.offset, lesson = excluded.lesson
      WHERE lesson <> ${FORGOTTEN} AND
        (offset < ? OR (excluded.lesson <> 0 AND lesson NOT IN (0, excluded.lesson)))`
    const isNew = this.#store.run(put, hashOf(keyOf(event)), offset, digest, undone) > 0
    if (!isNew && event.isRepeatable !== true) return false
    const message = 'INSERT INTO messages (offset, value, time_ms, traceparent) VALUES (?, ?, ?, ?)'
    const { bytes, traceparent = null } = event
    this.#store.run(message, offset, bytes, this.#options.clock.nowMs(), traceparent)
    return true
  }

  #sweep(end: number, added: number): void {
    this.#sinceSweep += added
    if (this.#sinceSweep < SWEEP_EVERY) return
    this.#sinceSweep = 0
    const { seenEvents, unreadEvents, retentionMs, clock } = this.#options
    this.#store.run('DELETE FROM identities WHERE offset < ?', end - seenEvents)
    const old = 'DELETE FROM messages WHERE offset < ? AND (time_ms < ? OR offset < ?)'
    this.#store.run(old, this.#oldest(), clock.nowMs() - retentionMs, end - unreadEvents)
  }

  #mark(name: Mark): number {
    return markIn(this.#store, name)
  }
}

function heavy(bytes: number, more: number, limit: number): Error {
  const message = `${more} bytes, and ${bytes} of ${limit} hold what the trainer has not read`
  return failure('INBOX_FULL', message, { details: { bytes, more, limit } })
}

function full(events: number, room: number, limit: number): Error {
  const message = `${events} events, and room for ${Math.max(0, room)} of ${limit} unread ones`
  return failure('INBOX_FULL', message, { details: { events, room, limit } })
}
