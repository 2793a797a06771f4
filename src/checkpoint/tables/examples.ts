/**
 * Replayed examples in the checkpoint: each example is stored once, for as long as the buffer or a snapshot for a
 * rollback needs it. Comparing keys finds the changes since the last save.
 *
 * No checksum covers the index of `gone`, and a flipped bit there hides a row. So `+gone` in what must find every row:
 * SQLite uses no index for an expression.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example, RememberedExample } from '../../contracts/example.ts'
import type { Store } from '../../platform/store/store.ts'
import { insertRows } from './insert-rows.ts'
import { retractedKeys } from '../retraction.ts'
import {
  bytesOf,
  EXAMPLE_COLUMNS_ADDED,
  exampleValues,
  logitsValue,
  rememberedOf,
  keyIn,
} from './rows.ts'
import { rowSum, summed, summedValues } from './row-sum.ts'
import type { RetractedKeys } from '../saved.ts'

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
