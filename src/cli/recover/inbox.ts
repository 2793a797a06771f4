/** The remains of an inbox: its identity, and the messages that can still be read. */
import { CodedError } from '../../contracts/core.ts'
import type { CitedEvent, FeedbackEvent } from '../../contracts/event.ts'
import { openInboxReader } from '../../intake/inbox/reader.ts'
import { inboxMigrations } from '../../intake/inbox/schema.ts'
import { incomingEvent, openInbox, type InboxOptions } from '../../intake/inbox/inbox.ts'
import { openPredictionTable, type PredictionTableOptions } from '../../intake/predictions/table.ts'
import type { Row } from '../../platform/store/row.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { examine, type StoreState } from './stores.ts'

export interface Journal {
  readonly identity: string
  readonly begin: number
  readonly end: number
  readonly consumed: number
}

export function examineInbox(path: string): StoreState & { readonly journal?: Journal } {
  let journal: Journal | undefined
  const state = examine(path, () => {
    journal = journalOf(path)
  })
  return { ...state, ...(journal && { journal }) }
}

export function journalOf(path: string): Journal {
  const reader = openInboxReader(path)
  try {
    const { journal } = reader
    const [begin, end, consumed] = [journal.begin(), journal.end(), journal.learned()]
    return { identity: journal.identity, begin, end, consumed }
  } finally {
    reader.close()
  }
}

export interface Salvage {
  /** Absent: there is none. */
  readonly from: string | undefined
  readonly to: string
  /** The first offset that was not learned. */
  readonly next: number
  readonly parse: (bytes: Uint8Array) => FeedbackEvent
  readonly inbox: InboxOptions
  readonly predictions: PredictionTableOptions
}

/** A new inbox with every event and every served prediction that can be read. Returns the count of each. */
export async function salvage(parts: Salvage) {
  const events = readable(parts.from, (store) => messagesFrom(store, parts.next))
  const rows = readable(parts.from, predictionsOf)
  const inbox = openInbox(parts.to, parts.inbox)
  let kept = 0
  for (const bytes of events) {
    const event = parsed(bytes, parts.parse)
    if (event !== undefined) kept += (await inbox.append([incomingEvent(event, bytes)])).accepted
  }
  await inbox.close()
  const table = openPredictionTable(parts.to, parts.predictions)
  for (const row of rows) table.write([row])
  table.close()
  return { events: kept, predictions: rows.length }
}

function readable<Found>(
  path: string | undefined,
  work: (store: Store) => readonly Found[],
): readonly Found[] {
  if (path === undefined) return []
  try {
    const store = openStore(path, { migrations: inboxMigrations })
    try {
      return work(store)
    } finally {
      store.close()
    }
  } catch (error) {
    if (error instanceof CodedError) return []
    throw error
  }
}

/** One after the other, so that a damaged page or value costs only its own event. */
function messagesFrom(store: Store, next: number): readonly Uint8Array[] {
  const offsets = listOf(store, 'SELECT offset AS id FROM messages WHERE offset >= ?', next)
  return offsets.flatMap((offset) => {
    const sql = 'SELECT value FROM messages WHERE offset = ?'
    return attempt(() => store.get(sql, offset)?.bytes('value')) ?? []
  })
}

function predictionsOf(store: Store) {
  const numbers = listOf(store, 'SELECT number AS id FROM predictions WHERE number >= ?', 0)
  // Without its part in a rollout: a file of an earlier release has no such columns.
  const sql = 'SELECT id, input, version, label, time_ms, cited FROM predictions WHERE number = ?'
  return numbers.flatMap((number) => attempt(() => predictionOf(store.get(sql, number))) ?? [])
}

function predictionOf(row: Row | undefined) {
  const cited = row?.textOrNull('cited') ?? null
  return (
    row && {
      id: row.text('id'),
      input: row.text('input'),
      version: row.text('version'),
      answer: row.text('label'),
      timeMs: row.number('time_ms'),
      ...(cited !== null && { cited: JSON.parse(cited) as readonly CitedEvent[] }),
    }
  )
}

/** As many ids as can be listed: from the front, and after a damaged place from the back. */
function listOf(store: Store, sql: string, from: number): readonly number[] {
  const all = attempt(() => store.all(`${sql} ORDER BY 1`, from))
  if (all !== undefined) return all.map((row) => row.number('id'))
  const ids: number[] = []
  for (let next = from; ; next = (ids.at(-1) ?? next) + 1) {
    const row = attempt(() => store.get(`${sql} ORDER BY 1 LIMIT 1`, next))
    if (row === undefined) return ids
    ids.push(row.number('id'))
  }
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodedError) return undefined
    throw error
  }
}

function parsed(bytes: Uint8Array, parse: Salvage['parse']): FeedbackEvent | undefined {
  return attempt(() => parse(bytes))
}
