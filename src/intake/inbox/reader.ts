/**
 * The trainer's side of the inbox: the journal behind the `http` source, and the served predictions that feedback
 * refers to. It writes only the trainer's progress, without waiting for the disk: after a power cut that mark may be
 * old, and old events stay a while longer.
 */
import type { EventIdentity, ExampleKey } from '../../contracts/core.ts'
import type { CitedEvent, Input, ServedPrediction, ShadowAnswer } from '../../contracts/event.ts'
import type { Journal } from '../../contracts/source.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { hashOf } from '../dedupe/dedupe.ts'
import { FORGOTTEN } from '../events/event-key.ts'
import type { Predictions } from '../join.ts'
import { refuseHashes } from './inbox.ts'
import { ERASED, erasedPrediction, isForgotten } from './erased-predictions.ts'
import { inboxMigrations, newIdentity } from './schema.ts'

export interface InboxJournal extends Journal {
  /** Events that were refused may come again. */
  forget(keys: readonly ExampleKey[]): void
  /** Events that were forgotten on request: whatever comes under their ids is a duplicate, and not stored. */
  refuseAgain(keys: readonly ExampleKey[]): void
  readonly isForgotten: (event: EventIdentity) => boolean
  /** The hashes of the keys of those. */
  refused(): readonly Uint8Array[]
}

export interface InboxReader {
  readonly journal: InboxJournal
  readonly predictions: Predictions
  close(): void
}

export function openInboxReader(path: string): InboxReader {
  const store = openStore(path, { migrations: inboxMigrations, synchronous: 'NORMAL' })
  return {
    journal: journalOf(store),
    predictions: { find: async (id) => new Promise((found) => found(findPrediction(store, id))) },
    close: () => {
      store.close()
    },
  }
}

function journalOf(store: Store): InboxJournal {
  const mark = (name: string) =>
    store.get('SELECT value FROM marks WHERE name = ?', name)?.number('value') ?? 0
  return {
    read: (from, count) =>
      store.all(MESSAGES, from, countWithin(store, from, count)).map((row) => {
        const traceparent = row.textOrNull('traceparent')
        return {
          offset: row.number('offset'),
          value: row.bytes('value'),
          timeMs: row.number('time_ms'),
          ...(traceparent !== null && { traceparent }),
        }
      }),
    forget: (keys) => {
      store.transaction(() => {
        for (const key of keys) store.run('DELETE FROM identities WHERE hash = ?', hashOf(key))
      })
    },
    refuseAgain: (keys) => {
      refuseHashes(store, keys.map(hashOf))
    },
    isForgotten: (event) => isForgotten(store, event),
    refused: () =>
      store
        .all(`SELECT hash FROM identities WHERE lesson = ${FORGOTTEN}`)
        .map((row) => row.bytes('hash')),
    end: () => mark('end'),
    // One query: messages that come between two would begin behind themselves, and count as lost.
    begin: () => store.get(`SELECT ${FIRST} AS first`)?.number('first') ?? 0,
    learned: () => mark('consumed'),
    identity: mark('identity').toString(36),
    disown: () => {
      store.run(newIdentity)
    },
    consumed: (offset) => {
      store.run(`UPDATE marks SET value = ? WHERE name = 'consumed' AND value < ?`, offset, offset)
    },
  }
}

const MESSAGES =
  'SELECT offset, value, time_ms, traceparent FROM messages WHERE offset >= ? ORDER BY offset LIMIT ?'

/** Messages read at once are in memory: at least one, and then no more than these bytes. Pictures are large. */
const READ_BYTES = 16 * 1024 * 1024

/** How many of the next `count` messages. Their lengths are known without reading them. */
function countWithin(store: Store, from: number, count: number): number {
  const lengths =
    'SELECT length(value) AS bytes FROM messages WHERE offset >= ? ORDER BY offset LIMIT ?'
  let bytes = 0
  const over = store.all(lengths, from, count).findIndex((row) => {
    bytes += row.number('bytes')
    return bytes > READ_BYTES
  })
  return over < 0 ? count : Math.max(1, over)
}

const FIRST = `coalesce((SELECT min(offset) FROM messages), (SELECT value FROM marks WHERE name = 'end'), 0)`

/** Throws `PREDICTION_ERASED`, also of one that cites what was forgotten since. */
export function findPrediction(store: Store, id: string): ServedPrediction | undefined {
  if (id.includes('\0')) return undefined
  const row = store.get(
    'SELECT id, input, version, label, time_ms, canary, unit, shadow, pinned, traceparent, is_cut, cited FROM predictions WHERE id = ?',
    id,
  )
  if (row === undefined) return undefined
  const cited = JSON.parse(row.textOrNull('cited') ?? '[]') as readonly CitedEvent[]
  if (row.text('input') === ERASED || cited.some((event) => isForgotten(store, event)))
    throw erasedPrediction(id)
  const [canary, shadow] = [row.textOrNull('canary'), row.textOrNull('shadow')]
  const [unit, traceparent] = [row.textOrNull('unit'), row.textOrNull('traceparent')]
  return {
    id: row.text('id'),
    // Written by `predictions.ts` from an Input.
    input: row.json('input') as unknown as Input,
    version: row.text('version'),
    answer: row.text('label'),
    timeMs: row.number('time_ms'),
    ...(canary !== null && { canary }),
    ...(unit !== null && { unit }),
    // Written by `table.ts`.
    ...(shadow !== null && { shadow: JSON.parse(shadow) as ShadowAnswer }),
    ...(row.numberOrNull('pinned') === 1 && { pinned: true }),
    ...(row.numberOrNull('is_cut') === 1 && { isCut: true }),
    ...(traceparent !== null && { traceparent }),
    ...(cited.length > 0 && { cited }),
  }
}
