/**
 * Examples in the checkpoint: each is kept once, for as long as it is pending, remembered now, or remembered by a
 * snapshot that may be gone back to. What changed since the last save is found by comparing keys.
 */
import type { Example, Remembered } from '../contracts.ts'
import type { Store } from '../runtime/store.ts'
import { insertRows } from './insert-rows.ts'
import {
  bytesOf,
  exampleOf,
  exampleValues,
  logitsValue,
  rememberedOf,
  textOf,
} from './checkpoint-rows.ts'
import type { Retracted } from './saved.ts'

/** Key → how many logits are kept with it. */
type RememberedKeys = ReadonlyMap<string, number>

export class ExampleTables {
  readonly #store: Store
  /** As saved. */
  #pending: readonly string[] = []
  #remembered: RememberedKeys = new Map()
  /** As written in the transaction that is still open. */
  #next: { pending: readonly string[]; remembered: RememberedKeys } | undefined
  /** Perhaps nothing refers to them any more. */
  #loose = new Set<string>()

  constructor(store: Store) {
    this.#store = store
  }

  /** What is there now: at the start, and after a failure. */
  load(): void {
    this.#next = undefined
    this.#loose = new Set()
    this.#pending = this.pending().map(({ key }) => key)
    const length = `coalesce(length(logits), 0) / ${Float32Array.BYTES_PER_ELEMENT}`
    const open = this.#store.all(
      `SELECT key, ${length} AS logits FROM remembered WHERE gone IS NULL`,
    )
    this.#remembered = new Map(
      open.map((row) => [textOf(row.bytes('key')), row.number('logits')] as const),
    )
  }

  pending(): readonly Example[] {
    return this.#store
      .all('SELECT examples.* FROM pending JOIN examples USING (key) ORDER BY seq')
      .map(exampleOf)
  }

  rememberedAt(state: number): readonly Remembered[] {
    const rows = this.#store.all(
      `SELECT examples.*, logits FROM remembered JOIN examples USING (key)
       WHERE born <= ? AND (gone IS NULL OR gone > ?)`,
      ...[state, state],
    )
    return rows.map(rememberedOf)
  }

  writePending(examples: readonly Example[]): void {
    const keys = examples.map(({ key }) => key)
    // Pending examples grow at the end and go all at once, but for a retraction.
    const isGrown = this.#pending.every((key, at) => key === keys[at])
    if (!isGrown) this.#removePending(new Set(keys))
    const known = new Set(isGrown ? [] : this.#pending)
    const added = examples
      .slice(isGrown ? this.#pending.length : 0)
      .filter(({ key }) => !known.has(key))
    this.#put(added)
    const rows = added.map(({ key }) => [bytesOf(key)])
    insertRows(this.#store, 'INSERT INTO pending (key)', 1, rows)
    this.#next = { pending: keys, remembered: this.#next?.remembered ?? this.#remembered }
  }

  /** From `state` on these are remembered, and no others. One whose logits were cut is another one. */
  writeRemembered(examples: readonly Remembered[], state: number): void {
    const keys = new Map(examples.map(({ key, logits }) => [key, logits?.length ?? 0] as const))
    const before = this.#next?.remembered ?? this.#remembered
    const end = 'UPDATE remembered SET gone = ? WHERE key = ? AND gone IS NULL'
    for (const [key, logits] of before)
      if (keys.get(key) !== logits) this.#store.run(end, state, bytesOf(key))
    const added = examples.filter(({ key, logits }) => before.get(key) !== (logits?.length ?? 0))
    this.#put(added)
    const rows = added.map(({ key, logits }) => [bytesOf(key), state, logitsValue(logits)])
    insertRows(this.#store, 'INSERT INTO remembered (key, born, logits)', 3, rows)
    this.#next = { pending: this.#next?.pending ?? this.#pending, remembered: keys }
  }

  /** Out of every state, past ones too. */
  retract({ keys: named, predictions }: Retracted): void {
    const keys = [...named, ...predictions.flatMap((id) => this.#about(id))]
    for (const key of keys) {
      this.#store.run('DELETE FROM remembered WHERE key = ?', bytesOf(key))
      this.#store.run('DELETE FROM examples WHERE key = ?', bytesOf(key))
    }
    const gone = new Set(keys)
    const remembered = [...this.#remembered].filter(([key]) => !gone.has(key))
    this.#next = { pending: this.#pending, remembered: new Map(remembered) }
  }

  /** Deletes what nothing refers to any more; with a new state, an old one may have let go of examples. */
  collect(isNewState: boolean): void {
    for (const key of this.#loose) this.#deleteUnused(bytesOf(key))
    if (isNewState) this.#collectEnded()
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#pending = this.#next?.pending ?? this.#pending
    this.#remembered = this.#next?.remembered ?? this.#remembered
    this.#next = undefined
    this.#loose = new Set()
  }

  #about(prediction: string): readonly string[] {
    return this.#store
      .all('SELECT key FROM examples WHERE prediction = ?', JSON.stringify(prediction))
      .map((row) => textOf(row.bytes('key')))
  }

  #collectEnded(): void {
    const stale = `gone IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM snapshots WHERE state >= born AND state < gone)`
    const ended = this.#store.all(`SELECT DISTINCT key FROM remembered WHERE ${stale}`)
    if (ended.length > 0) this.#store.run(`DELETE FROM remembered WHERE ${stale}`)
    for (const row of ended) this.#deleteUnused(row.bytes('key'))
  }

  #removePending(kept: ReadonlySet<string>): void {
    const gone = this.#pending.filter((key) => !kept.has(key))
    for (const key of gone) this.#loose.add(key)
    if (kept.size === 0) this.#store.run('DELETE FROM pending')
    else for (const key of gone) this.#store.run('DELETE FROM pending WHERE key = ?', bytesOf(key))
  }

  #put(examples: readonly Example[]): void {
    const columns = 'key, kind, data, target, weight, prediction'
    const head = `INSERT OR IGNORE INTO examples (${columns})`
    insertRows(this.#store, head, 6, examples.map(exampleValues))
  }

  #deleteUnused(key: Uint8Array): void {
    this.#store.run(
      `DELETE FROM examples WHERE key = ?
         AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.key = examples.key)
         AND NOT EXISTS (SELECT 1 FROM remembered WHERE remembered.key = examples.key)`,
      key,
    )
  }
}
