/**
 * Replayed examples in the checkpoint: each example is stored once, for as long as the buffer or a snapshot for a
 * rollback needs it. Comparing keys finds the changes since the last save.
 *
 * No checksum covers the index of `gone`, and a flipped bit there hides a row. So `+gone` in what must find every row:
 * SQLite uses no index for an expression.
 */
import type { ExampleKey, Json } from '../../contracts/core.ts'
import type { Example, RememberedExample } from '../../contracts/example.ts'
import type { Store } from '../../platform/store/store.ts'
import type { RetractedKeys } from '../saved.ts'
import type { Row } from '../../platform/store/row.ts'
import type { MemorisedItem } from '../../learner/memory/example-memory.ts'
import {
  bytesOf,
  EXAMPLE_COLUMNS_ADDED,
  exampleValues,
  logitsValue,
  rememberedOf,
  keyIn,
  insertRows,
  rowSum,
  summed,
  summedValues,
  retractedKeys,
  shown,
  checkRow,
} from './rows.ts'

/** Key → how many logits are kept with it. */
type RememberedKeys = ReadonlyMap<ExampleKey, number>

export class ExampleTables {
  readonly #store: Store
  /** As saved. */
  #remembered: RememberedKeys = new Map()
  /** As written in the transaction that is still open. */
  #next: RememberedKeys | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The stored content: read at the start, and after a failure. */
  load(): void {
    this.#next = undefined
    const length = `coalesce(length(logits), 0) / ${Float32Array.BYTES_PER_ELEMENT}`
    const open = this.#store.all(
      `SELECT key, ${length} AS logits FROM remembered WHERE +gone IS NULL`,
    )
    this.#remembered = new Map(
      open.map((row) => [keyIn(row.bytes('key')), row.number('logits')] as const),
    )
  }

  rememberedAt(state: number): readonly RememberedExample[] {
    const rows = this.#store.all(
      `SELECT examples.key AS key, kind, data, target, weight, prediction, time_ms, slice, examples.sum AS sum,
         logits, born, remembered.sum AS kept
       FROM examples CROSS JOIN remembered USING (key)
       WHERE born <= ? AND (+gone IS NULL OR +gone > ?)`,
      ...[state, state],
    )
    return rows.map((row) => rememberedOf(row, this.#store.path))
  }

  /** From `state` on, exactly these examples are in the buffer. One with truncated logits counts as a different example. */
  writeRemembered(examples: readonly RememberedExample[], state: number): void {
    const keys = new Map(examples.map(({ key, logits }) => [key, logits?.length ?? 0] as const))
    const before = this.#next ?? this.#remembered
    const end = 'UPDATE remembered SET gone = ? WHERE key = ? AND +gone IS NULL'
    for (const [key, logits] of before)
      if (keys.get(key) !== logits) this.#store.run(end, state, bytesOf(key))
    const added = examples.filter(({ key, logits }) => before.get(key) !== (logits?.length ?? 0))
    this.#put(added)
    const rows = added.map(({ key, logits }) => summed([bytesOf(key), state, logitsValue(logits)]))
    insertRows(this.#store, 'INSERT INTO remembered (key, born, logits, sum)', 4, rows)
    this.#next = keys
  }

  /** Out of every state, past ones too. */
  retract({ keys: named, predictions, meant = [] }: RetractedKeys): void {
    const others = meant.flatMap((each) => retractedKeys(this.#store, 'examples', each))
    const keys = [...named, ...predictions.flatMap((id) => this.#about(id)), ...others]
    for (const key of keys) {
      this.#store.run('DELETE FROM remembered WHERE key = ?', bytesOf(key))
      this.#store.run('DELETE FROM examples WHERE key = ?', bytesOf(key))
    }
    if (keys.length === 0) return
    const gone = new Set(keys)
    const before = this.#next ?? this.#remembered
    this.#next = new Map([...before].filter(([key]) => !gone.has(key)))
  }

  /** All of them, of every state. */
  clear(): void {
    this.#store.run('DELETE FROM remembered')
    this.#store.run('DELETE FROM examples')
    this.#next = new Map()
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#remembered = this.#next ?? this.#remembered
    this.#next = undefined
  }

  #about(prediction: string): readonly ExampleKey[] {
    return this.#store
      .all('SELECT key FROM examples WHERE prediction = ?', JSON.stringify(prediction))
      .map((row) => keyIn(row.bytes('key')))
  }

  /** Deletes examples that no state needs any more, after a new state has dropped an old one. */
  collect(): void {
    const stale = `gone IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM snapshots WHERE state >= born AND state < gone)`
    const ended = this.#store.all(`SELECT DISTINCT key FROM remembered WHERE ${stale}`)
    if (ended.length > 0) this.#store.run(`DELETE FROM remembered WHERE ${stale}`)
    for (const row of ended) this.#deleteUnused(row.bytes('key'))
  }

  #put(examples: readonly Example[]): void {
    const columns = 'key, kind, data, target, weight, prediction, time_ms, slice, sum'
    const head = `INSERT OR IGNORE INTO examples (${columns})`
    const rows = examples.map((example) => {
      const values = exampleValues(example)
      return [...values, rowSum(...summedValues(values, EXAMPLE_COLUMNS_ADDED))]
    })
    insertRows(this.#store, head, 9, rows)
  }

  #deleteUnused(key: Uint8Array): void {
    this.#store.run(
      `DELETE FROM examples WHERE key = ?
         AND NOT EXISTS (SELECT 1 FROM remembered WHERE remembered.key = examples.key)`,
      key,
    )
  }
}

/**
 * The items of kNN memory in the checkpoint: each with the state it was added in and the state it was removed in, so
 * that a save writes only the changes and every snapshot still finds all of its own.
 */
export class MemoryTable {
  readonly #store: Store
  /** As saved: key → its place in the order. */
  #present: ReadonlyMap<ExampleKey, number> = new Map()
  /** As written in the transaction that is still open. */
  #next: ReadonlyMap<ExampleKey, number> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The stored content: read at the start, and after a failure. */
  load(): void {
    this.#next = undefined
    const open = this.#store.all('SELECT key, at FROM memorised WHERE +gone IS NULL')
    this.#present = new Map(open.map((row) => [keyIn(row.bytes('key')), row.number('at')]))
  }

  at(state: number): readonly MemorisedItem[] {
    return this.#store
      .all(
        `SELECT key, born, at, vote, vector, prediction, time_ms, sum FROM memorised
         WHERE born <= ? AND (+gone IS NULL OR +gone > ?) ORDER BY at`,
        ...[state, state],
      )
      .map((row) => memorisedOf(row, this.#store.path))
  }

  /** From `state` on, exactly these items are held. */
  write(items: readonly MemorisedItem[], state: number): void {
    const present = this.#next ?? this.#present
    const next = new Map(items.map(({ key, at }) => [key, at]))
    const end = 'UPDATE memorised SET gone = ? WHERE key = ? AND +gone IS NULL'
    for (const [key, at] of present)
      if (next.get(key) !== at) this.#store.run(end, state, bytesOf(key))
    const added = items.filter(({ key, at }) => present.get(key) !== at)
    const rows = added.map(({ key, at, vote, vector, predictionId, timeMs = null }) => {
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
      const prediction = predictionId === undefined ? null : JSON.stringify(predictionId)
      const values = [bytesOf(key), state, at, JSON.stringify(vote), bytes, prediction, timeMs]
      return [...values, rowSum(...summedValues(values))]
    })
    const head = 'INSERT INTO memorised (key, born, at, vote, vector, prediction, time_ms, sum)'
    insertRows(this.#store, head, 8, rows)
    this.#next = next
  }

  clear(): void {
    this.#store.run('DELETE FROM memorised')
    this.#next = new Map()
  }

  /** Out of every state, past ones too. */
  retract({ keys: named, predictions, meant = [] }: RetractedKeys): void {
    const about = 'SELECT DISTINCT key FROM memorised WHERE prediction = ?'
    const found = predictions.flatMap((id) => this.#store.all(about, JSON.stringify(id)))
    const others = meant.flatMap((each) => retractedKeys(this.#store, 'memorised', each))
    const keys = [...named, ...found.map((row) => keyIn(row.bytes('key'))), ...others]
    for (const key of keys) this.#store.run('DELETE FROM memorised WHERE key = ?', bytesOf(key))
    if (keys.length === 0) return
    const gone = new Set(keys)
    const before = this.#next ?? this.#present
    this.#next = new Map([...before].filter(([key]) => !gone.has(key)))
  }

  /** Deletes items that no state has any more. */
  collect(): void {
    this.#store.run(
      `DELETE FROM memorised WHERE gone IS NOT NULL AND NOT EXISTS
         (SELECT 1 FROM snapshots WHERE state >= born AND state < gone)`,
    )
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#present = this.#next ?? this.#present
    this.#next = undefined
  }
}

function memorisedOf(row: Row, path: string): MemorisedItem {
  const [key, born, at] = [row.bytes('key'), row.number('born'), row.number('at')]
  const [vote, vector] = [row.text('vote'), row.bytes('vector')]
  const prediction = row.textOrNull('prediction')
  const what = `the memorised example ${shown(key)}`
  const timeMs = row.numberOrNull('time_ms')
  const values = [key, born, at, vote, vector, prediction, timeMs] as const
  checkRow(row, { path, what }, ...summedValues(values))
  return {
    key: keyIn(key),
    at,
    vote: JSON.parse(vote) as Json,
    vector: new Float32Array(vector.slice().buffer),
    ...(prediction !== null && { predictionId: JSON.parse(prediction) as string }),
    ...(timeMs !== null && { timeMs }),
  }
}
