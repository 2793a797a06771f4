/**
 * The items of kNN memory in the checkpoint: each with the state it was added in and the state it was removed in, so
 * that a save writes only the changes and every snapshot still finds all of its own. `+gone`: as in `examples.ts`.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Row } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'
import { bytesOf, keyIn, shown } from './rows.ts'
import { insertRows } from './insert-rows.ts'
import { retractedKeys } from '../retraction.ts'
import type { MemorisedItem } from '../../learner/memory/knn-memory.ts'
import { checkRow, rowSum, summedValues } from './row-sum.ts'
import type { RetractedKeys } from '../saved.ts'
import type { Json } from '../../contracts/core.ts'

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
