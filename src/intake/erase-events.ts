/**
 * Erases events from the files of a model that the server writes: the inbox with the served predictions, and the dead
 * letters. No byte of them is left in the files. Repeating it is harmless.
 *
 * An erased prediction keeps its id, so that feedback about it is refused by name.
 * A message that the trainer has not read yet is emptied instead of removed: its place counts as read when its turn
 * comes.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Json } from '../contracts/core.ts'
import type { CitedEvent, FeedbackEvent } from '../contracts/event.ts'
import type { SourceRecord } from '../contracts/source.ts'
import { openStore, type Migrations, type Store } from '../platform/store/store.ts'
import { deadLettersFile, deadLettersMigrations } from './dead-letters/dead-letters.ts'
import { attributesIn, isEnvelope } from './events/cloud-event.ts'
import { headersOf, type PlainHeaders } from './events/headers.ts'
import { contentId } from './events/validate.ts'
import {
  ERASED,
  erasePredictions,
  predictionsCiting,
  type CitingPrediction,
} from './inbox/erased-predictions.ts'
import { inboxFile, inboxMigrations } from './inbox/schema.ts'
import { given, isObject, type JsonObject } from '../payloads/reading.ts'

/** Those that all of the fields describe. */
export interface ErasedEvents {
  readonly source?: string
  readonly id?: string
  readonly beforeMs?: number
  /** Events that came later are not erased. */
  readonly atMs: number
  /** Served predictions that such events were about. */
  readonly predictions: readonly string[]
  /** Whether an event was forgotten on request; absent = not known. */
  readonly isForgotten?: (event: CitedEvent) => boolean
  /** Counts what would be removed, and changes nothing. */
  readonly isDryRun?: boolean
}

export interface ErasureResult {
  /** How many rows were removed, by place. */
  readonly counts: Readonly<Record<'inbox' | 'predictions' | 'dead_letters', number>>
  /** False: a file was being read, and may still have bytes of them. */
  readonly isComplete: boolean
  /** All served predictions that such events were about: copies of them may lie elsewhere. */
  readonly about: readonly string[]
  /** Those among them that were given the answers of such events. */
  readonly quoting: readonly string[]
}

/** As the source parses a record; throws for one that is no event. */
export type ParseRecord = (record: SourceRecord, connector: string) => FeedbackEvent

const PAGE = 500

export function eraseEvents(
  folder: string,
  wanted: ErasedEvents,
  parse: ParseRecord,
): ErasureResult {
  const counts = { inbox: 0, predictions: 0, dead_letters: 0 }
  const about = new Set(wanted.predictions)
  let quoting: readonly string[] = []
  let isComplete = true
  const inFile = (file: string, migrations: Migrations, work: (store: Store) => void) => {
    const path = join(folder, file)
    if (!existsSync(path)) return
    const store = openStore(path, { migrations })
    try {
      work(store)
      if (wanted.isDryRun !== true) isComplete = store.compact() && isComplete
    } finally {
      store.close()
    }
  }
  inFile(inboxFile, inboxMigrations, (store) => {
    counts.inbox = eraseMessages(store, wanted, parse, about)
    quoting = predictionsCiting(store, (prediction) => isQuoting(wanted, prediction))
    for (const id of quoting) about.add(id)
    counts.predictions = eraseServed(store, wanted, about)
  })
  inFile(deadLettersFile, deadLettersMigrations, (store) => {
    counts.dead_letters = eraseLetters(store, wanted)
  })
  return { counts, isComplete, about: [...about], quoting }
}

interface KnownEvent {
  readonly source: string
  readonly id: string
  readonly timeMs: number
}

export function isWanted({ source, id, beforeMs }: ErasedEvents, event: KnownEvent): boolean {
  return (
    (source ?? event.source) === event.source &&
    (id ?? event.id) === event.id &&
    (beforeMs === undefined || event.timeMs < beforeMs)
  )
}

/** An event without a known time may be meant. One that came later, under an id of its own, is not. */
export function isQuoting(wanted: ErasedEvents, { cited = [], timeMs }: CitingPrediction): boolean {
  return cited.some(
    (event) =>
      wanted.isForgotten?.(event) === true ||
      (timeMs < wanted.atMs && isWanted(wanted, { ...event, timeMs: event.timeMs ?? -Infinity })),
  )
}

/** `about` gets the predictions that they name. */
function eraseMessages(
  store: Store,
  wanted: ErasedEvents,
  parse: ParseRecord,
  about: Set<string>,
): number {
  const page = `SELECT offset, value, time_ms FROM messages
    WHERE offset > ? AND time_ms < ? AND length(value) > 0 ORDER BY offset LIMIT ?`
  const found: number[] = []
  for (let last = -1; ;) {
    const rows = store.all(page, last, wanted.atMs, PAGE)
    for (const row of rows) {
      last = row.number('offset')
      const timeMs = row.number('time_ms')
      const event = parsed(row.bytes('value'), timeMs, parse)
      if (event === undefined) continue
      const { source, id, predictionId } = event
      if (!isWanted(wanted, { source, id, timeMs: event.timeMs ?? timeMs })) continue
      if (predictionId !== undefined) about.add(predictionId)
      found.push(last)
    }
    if (rows.length < PAGE) break
  }
  if (wanted.isDryRun === true) return found.length
  store.transaction(() => {
    const read = store.get(`SELECT value FROM marks WHERE name = 'consumed'`)?.number('value') ?? 0
    for (const offset of found) eraseMessage(store, offset, offset < read)
  })
  return found.length
}

function eraseMessage(store: Store, offset: number, isRead: boolean): void {
  if (isRead) {
    store.run('DELETE FROM messages WHERE offset = ?', offset)
    return
  }
  const less = `UPDATE marks SET value = value - (SELECT length(value) FROM messages WHERE offset = ?)
    WHERE name = 'messages_bytes'`
  store.run(less, offset)
  store.run('UPDATE messages SET value = ? WHERE offset = ?', new Uint8Array(), offset)
}

/** Parses a message that came over HTTP; undefined if it is no event. */
export function parsed(
  value: Uint8Array,
  timeMs: number,
  parse: ParseRecord,
): FeedbackEvent | undefined {
  try {
    return parse({ partition: '0', position: '0', next: '0', value, timeMs }, 'http')
  } catch {
    return undefined
  }
}

function eraseServed(
  store: Store,
  { beforeMs, source, id, isDryRun }: ErasedEvents,
  about: ReadonlySet<string>,
): number {
  const isByTime = beforeMs !== undefined && source === undefined && id === undefined
  return store.transaction(() => {
    const rows = isDryRun === true ? countRows : erasePredictions
    let count = 0
    // Those of the time count once.
    if (isByTime) count += rows(store, 'time_ms < ?', beforeMs)
    for (const prediction of about)
      count += isByTime
        ? rows(store, 'id = ? AND time_ms >= ?', prediction, beforeMs)
        : rows(store, 'id = ?', prediction)
    return count
  })
}

function countRows(store: Store, which: string, ...values: readonly (string | number)[]): number {
  const sql = `SELECT count(*) AS count FROM predictions WHERE input <> '${ERASED}' AND ${which}`
  return store.get(sql, ...values)?.number('count') ?? 0
}

function eraseLetters(store: Store, wanted: ErasedEvents): number {
  const page = `SELECT number, value, headers, connector, time_ms FROM letters
    WHERE number > ? ORDER BY number LIMIT ?`
  const found: number[] = []
  for (let last = -1; ;) {
    const rows = store.all(page, last, PAGE)
    for (const row of rows) {
      last = row.number('number')
      const headers = headersOf(row.json('headers') as PlainHeaders)
      const { source, id, timeMs } = identityIn(row.bytes('value'), headers)
      const event = {
        ...{ source: source ?? row.text('connector'), id },
        timeMs: timeMs ?? row.number('time_ms'),
      }
      if (isWanted(wanted, event)) found.push(last)
    }
    if (rows.length < PAGE) break
  }
  if (wanted.isDryRun === true) return found.length
  store.transaction(() => {
    for (const number of found) store.run('DELETE FROM letters WHERE number = ?', number)
  })
  return found.length
}

/** The identity in a message, even if the message is no valid event: dead letters seldom are. */
function identityIn(value: Uint8Array, headers: NonNullable<SourceRecord['headers']>) {
  const message = objectIn(value)
  const event = isEnvelope(message) ? dataOf(message) : message
  // Fields of the event win, as where it is parsed.
  const places = [event, message, attributesIn(headers)]
  const pick = (name: string) =>
    places.map((place) => given(place, name)).find((found) => typeof found === 'string')
  const timeMs = Date.parse(pick('time') ?? '')
  return {
    source: pick('source'),
    id: pick('id') ?? contentIdOf(event),
    timeMs: Number.isNaN(timeMs) ? undefined : timeMs,
  }
}

/** Of a message that is nested too deep there is none. */
function contentIdOf(event: JsonObject): string {
  try {
    return contentId(event)
  } catch {
    return ''
  }
}

function dataOf({ data, data_base64: binary }: JsonObject): JsonObject {
  if (typeof binary === 'string') return objectIn(Buffer.from(binary, 'base64'))
  return isObject(data) ? data : {}
}

function objectIn(value: Uint8Array): JsonObject {
  try {
    const body = JSON.parse(new TextDecoder().decode(value)) as Json
    return isObject(body) ? body : {}
  } catch {
    return {}
  }
}
