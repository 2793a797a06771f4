/** The tables of the stream: the positions of each source, and the accepted ids. */
import type { Positions } from '../../contracts/source.ts'
import type { IdRun } from '../../intake/dedupe/dedupe.ts'
import { HASH_BYTES } from '../../intake/dedupe/seen-ids.ts'
import type { Store } from '../../platform/store/store.ts'
import { checkRow, rowSum } from './rows.ts'

type SourcePositions = Readonly<Record<string, Positions>>

export class PositionsTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  load(): SourcePositions {
    const positions: Record<string, Record<string, string>> = {}
    for (const row of this.#store.all('SELECT source, partition, next, sum FROM positions')) {
      const [source, partition, next] = [
        row.text('source'),
        row.text('partition'),
        row.text('next'),
      ]
      const what = { path: this.#store.path, what: `the position of ${source}` }
      checkRow(row, what, source, partition, next)
      const partitions = (positions[source] ??= {})
      partitions[partition] = next
    }
    return positions
  }

  /** Writes what has changed since `before`, the last save; everything if that is unknown. */
  write(positions: SourcePositions, before: SourcePositions | undefined): void {
    for (const [source, partitions] of Object.entries(before ?? this.load()))
      for (const partition of Object.keys(partitions))
        if (positions[source]?.[partition] === undefined)
          this.#store.run(
            'DELETE FROM positions WHERE source = ? AND partition = ?',
            ...[source, partition],
          )
    const put =
      'INSERT OR REPLACE INTO positions (source, partition, next, sum) VALUES (?, ?, ?, ?)'
    for (const [source, partitions] of Object.entries(positions))
      for (const [partition, next] of Object.entries(partitions))
        if (before?.[source]?.[partition] !== next)
          this.#store.run(put, source, partition, next, rowSum(source, partition, next))
  }
}

export class SeenTable {
  readonly #store: Store
  /** The most ids that are kept; undefined = all. */
  readonly #most: number | undefined

  constructor(store: Store, most: number | undefined) {
    this.#store = store
    this.#most = most
  }

  /** Oldest first. */
  load(): readonly IdRun[] {
    const sql = 'SELECT first, hashes, lessons, sum FROM seen_runs ORDER BY first'
    return this.#store.all(sql).map((row) => {
      const [first, hashes] = [row.number('first'), row.bytes('hashes')]
      const digests = row.bytesOrNull('lessons')
      const known = digests === null ? [] : [digests]
      const what = { path: this.#store.path, what: `the ids from ${first} on` }
      checkRow(row, what, first, hashes, ...known)
      return { first, hashes, ...(digests !== null && { digests }) }
    })
  }

  /** A save that is repeated, because it may have failed, takes the place of itself. */
  write({ first, hashes, digests }: IdRun): void {
    if (hashes.length === 0) return
    const put = 'INSERT OR REPLACE INTO seen_runs (first, hashes, lessons, sum) VALUES (?, ?, ?, ?)'
    const known = digests === undefined ? [] : [digests]
    this.#store.run(put, first, hashes, digests ?? null, rowSum(first, hashes, ...known))
    const end = first + hashes.length / HASH_BYTES
    const old = 'DELETE FROM seen_runs WHERE first + length(hashes) / ? <= ?'
    if (this.#most !== undefined) this.#store.run(old, HASH_BYTES, end - this.#most)
  }
}
