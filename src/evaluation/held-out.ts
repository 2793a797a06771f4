/**
 * The examples that nothing trains on, so that a candidate and the live version can be compared on rows that neither
 * has learned. A hash of the event decides which examples these are: the same ones after a crash, and without a random
 * stream. Bounded in rows and bytes; a full reservoir drops from its largest stratum, and within one keeps the rows with
 * the lowest hashes, which is a uniform sample of all that were offered.
 */
import { hash } from 'node:crypto'
import type { ExampleKey } from '../contracts/core.ts'
import type { Example } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'

export interface HeldOutLimits {
  /** The share of all examples; 0 = none are held out. */
  readonly share: number
  readonly rows: number
  readonly bytes: number
}

const noneHeldOut: HeldOutLimits = { share: 0, rows: 0, bytes: 0 }

interface Row {
  readonly example: Example
  readonly strata: readonly string[]
  readonly rank: string
  readonly bytes: number
}

type Stratum = Map<ExampleKey, Row>

export class HeldOut {
  readonly #limits: HeldOutLimits
  readonly #task: Pick<Task, 'strata'>
  readonly #rows: Stratum = new Map()
  readonly #strata = new Map<string, Stratum>()
  #bytes = 0
  #shown: readonly Example[] | undefined

  constructor(task: Pick<Task, 'strata'>, limits: HeldOutLimits = noneHeldOut) {
    this.#task = task
    this.#limits = limits
  }

  get isOn(): boolean {
    return this.#limits.share > 0
  }

  get size(): number {
    return this.#rows.size
  }

  /** In an order that does not depend on when they came. The same array until something changes. */
  get rows(): readonly Example[] {
    this.#shown ??= [...this.#rows.values()].toSorted(byRank).map(({ example }) => example)
    return this.#shown
  }

  /** Whether it is held out. All feedback about one prediction is on the same side, because its input is the same. */
  takes({ key, predictionId }: Pick<Example, 'key' | 'predictionId'>): boolean {
    if (!this.isOn) return false
    const digest = digestOf(predictionId === undefined ? key : `prediction ${predictionId}`)
    return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32 < this.#limits.share
  }

  /** Replaces an older example with the same key. It may be the one that finds no room. */
  offer(example: Example): void {
    this.remove([example.key])
    const strata = this.#task.strata(example.target)
    // The first digits say which examples are held out.
    const rank = digestOf(example.key).slice(8)
    this.#add({ example, strata, rank, bytes: bytesOf(example) })
    while (this.#rows.size > this.#limits.rows || this.#bytes > this.#limits.bytes)
      this.#drop(this.#last())
  }

  /** They were retracted or superseded. */
  remove(keys: readonly ExampleKey[]): void {
    for (const key of keys) this.#drop(this.#rows.get(key))
  }

  /** Keys of the rows about a prediction. */
  about(predictionId: string | undefined): readonly ExampleKey[] {
    if (predictionId === undefined) return []
    const rows = [...this.#rows.values()]
    return rows.flatMap(({ example: { key, predictionId: about } }) =>
      about === predictionId ? [key] : [],
    )
  }

  /** A copy, for the checkpoint. */
  snapshot(): readonly Example[] {
    return [...this.rows]
  }

  /** Within the bounds of today. */
  restore(examples: readonly Example[]): void {
    this.remove([...this.#rows.keys()])
    for (const example of examples) this.offer(example)
  }

  #add(row: Row): void {
    const { key } = row.example
    for (const name of row.strata) {
      const stratum = this.#strata.get(name) ?? (new Map() as Stratum)
      this.#strata.set(name, stratum.set(key, row))
    }
    this.#rows.set(key, row)
    this.#bytes += row.bytes
    this.#shown = undefined
  }

  #drop(row: Row | undefined): void {
    if (row === undefined) return
    const { key } = row.example
    for (const name of row.strata) {
      const stratum = this.#strata.get(name)
      stratum?.delete(key)
      if (stratum?.size === 0) this.#strata.delete(name)
    }
    this.#rows.delete(key)
    this.#bytes -= row.bytes
    this.#shown = undefined
  }

  /**
   * The row with the highest hash in the largest stratum; of several strata those rows that have no rarer one, as far as there
   * are such.
   */
  #last(): Row | undefined {
    const [largest] = [...this.#strata].toSorted(
      ([one, its], [other, others]) => others.size - its.size || (one < other ? -1 : 1),
    )
    const sizeOf = ({ strata }: Row) =>
      Math.min(...strata.map((name) => this.#strata.get(name)?.size ?? 0))
    return [...(largest?.[1].values() ?? [])].reduce<Row | undefined>((last, row) => {
      if (last === undefined) return row
      const difference = sizeOf(row) - sizeOf(last) || byRank(row, last)
      return difference > 0 ? row : last
    }, undefined)
  }
}

function byRank(one: Row, other: Row): number {
  return one.rank < other.rank ? -1 : Number(one.rank > other.rank)
}

function digestOf(text: string): string {
  return hash('sha256', `held out: ${text}`)
}

/** About its size in memory. */
function bytesOf({ key, encoded, target }: Example): number {
  return encoded.data.byteLength + 2 * (key.length + JSON.stringify(target).length)
}
