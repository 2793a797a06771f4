/** Set-aside events in the checkpoint: one row per event, written when it is added, changed or removed. */
import type { Row, Value } from '../../platform/store/row.ts'
import { invariant } from '../../platform/errors.ts'
import type { Store } from '../../platform/store/store.ts'
import { bytesOf, keyIn, waitingOf, waitingValues } from './rows.ts'
import { packExamples, unpackExamples } from '../example-pack.ts'
import { insertRows } from './insert-rows.ts'
import { checkRow, rowSum } from './row-sum.ts'
import type { SetAsideEntry, AsideFrom } from '../set-aside-events.ts'

const columns =
  'at, key, whence, stratum, time_ms, due, header, data, since, event, origin, value, sum, gone_to'

export class SetAsideTable {
  readonly #store: Store
  /** As saved: place → entry. */
  #saved: ReadonlyMap<number, SetAsideEntry> = new Map()
  /** As written in the transaction that is still open. */
  #next: ReadonlyMap<number, SetAsideEntry> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The stored content: read at the start, and after a failure. */
  load(): readonly SetAsideEntry[] {
    this.#next = undefined
    const { path } = this.#store
    const rows = this.#store.all(`SELECT ${columns} FROM set_aside ORDER BY at`)
    const entries = rows.map((row) => entryOf(row, path))
    this.#saved = new Map(entries.map((entry) => [entry.at, entry]))
    return entries
  }

  write(entries: readonly SetAsideEntry[]): void {
    const next = new Map(entries.map((entry) => [entry.at, entry]))
    for (const [at, entry] of this.#saved) {
      const now = next.get(at)
      if (now === undefined) this.#store.run('DELETE FROM set_aside WHERE at = ?', at)
      else if (now !== entry)
        this.#store.run('UPDATE set_aside SET due = ? WHERE at = ?', now.isDue ? 1 : 0, at)
    }
    const added = entries.filter(({ at }) => !this.#saved.has(at))
    insertRows(this.#store, `INSERT INTO set_aside (${columns})`, 14, added.map(valuesOf))
    this.#next = next
  }

  clear(): void {
    this.#store.run('DELETE FROM set_aside')
    this.#saved = new Map()
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#saved = this.#next ?? this.#saved
    this.#next = undefined
  }
}

/** The sum of an event is that of a row in `waiting`. */
function valuesOf(entry: SetAsideEntry): readonly Value[] {
  const { at, was, stratum, timeMs = null, isDue, what, goneTo = null } = entry
  const key = bytesOf(entry.key)
  const topic = stratum === undefined ? null : JSON.stringify(stratum)
  const facts = [at, key, was, topic, timeMs, isDue ? 1 : 0]
  if (what.kind === 'example') {
    const { header, data } = packExamples([what.example])
    return [...facts, header, data, null, null, null, null, rowSum(key, header, data), goneTo]
  }
  const values = waitingValues(what.event)
  return [...facts, null, null, ...values.slice(1), rowSum(...values), goneTo]
}

function entryOf(row: Row, path: string): SetAsideEntry {
  const stratum = row.textOrNull('stratum')
  const timeMs = row.numberOrNull('time_ms')
  const goneTo = row.textOrNull('gone_to')
  return {
    at: row.number('at'),
    key: keyIn(row.bytes('key')),
    was: row.text('whence') as AsideFrom,
    ...(stratum !== null && { stratum: JSON.parse(stratum) as string }),
    ...(timeMs !== null && { timeMs }),
    ...(goneTo !== null && { goneTo }),
    isDue: row.number('due') === 1,
    what: whatOf(row, path),
  }
}

function whatOf(row: Row, path: string): SetAsideEntry['what'] {
  const header = row.textOrNull('header')
  if (header === null) return { kind: 'event', event: waitingOf(row, path) }
  const [key, data] = [row.bytes('key'), row.bytes('data')]
  checkRow(row, { path, what: 'an event that was set aside' }, key, header, data)
  const [example] = unpackExamples({ header, data })
  invariant(example !== undefined, 'a row holds one example')
  return { kind: 'example', example }
}
