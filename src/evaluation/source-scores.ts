/**
 * Quality per event source. One source with most of the stream dominates the plain accuracy; the mean over sources,
 * with equal weights, shows the quality for the others.
 *
 * Slices of the population are counted in the same way. At most `limit` sources have their own row. A new one replaces a source that has been silent for long; otherwise it
 * is counted in `other`.
 */
import type { SourceQuality } from './contract.ts'
import {
  accuraciesOf,
  merged,
  noAccuracy,
  observed,
  type AccuracyState,
} from './running-accuracy.ts'

/** Examples of other sources after which a silent one may lose its row. */
const SILENT = 5000
const OTHER = 'other'

interface Row {
  readonly state: AccuracyState
  /** The count of all examples at its last one. */
  readonly last: number
}

export interface SourcesState {
  readonly [key: string]:
    number | AccuracyState | readonly (readonly [string, AccuracyState, number])[]
  readonly total: number
  readonly other: AccuracyState
  readonly rows: readonly (readonly [source: string, state: AccuracyState, last: number])[]
}

export const noSources: SourcesState = { total: 0, other: noAccuracy, rows: [] }

export class SourceScores {
  readonly #limit: number
  #rows = new Map<string, Row>()
  #other = noAccuracy
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  observe(source: string, right: number): void {
    this.#total += 1
    const row = this.#rows.get(source)
    if (row === undefined && !this.#hasRoom()) {
      this.#other = observed(this.#other, right)
      return
    }
    const state = observed(row?.state ?? noAccuracy, right)
    this.#rows.set(source, { state, last: this.#total })
  }

  /** Those with the most recent examples first. */
  report(): readonly SourceQuality[] {
    const rows = [...this.#rows].map(([source, { state }]) => rowOf(source, state))
    rows.sort((a, b) => b.count - a.count || (a.source < b.source ? -1 : 1))
    return this.#other[0] === 0 ? rows : [...rows, rowOf(OTHER, this.#other)]
  }

  /** The sources that have a row, in the order of `report`. */
  states(): readonly (readonly [source: string, state: AccuracyState])[] {
    return this.report().flatMap(({ source }) => {
      const row = this.#rows.get(source)
      return row === undefined ? [] : [[source, row.state] as const]
    })
  }

  snapshot(): SourcesState {
    const rows = [...this.#rows].map(([source, { state, last }]) => [source, state, last] as const)
    return { total: this.#total, other: this.#other, rows }
  }

  restore({ total, other, rows }: SourcesState): void {
    this.#total = total
    this.#other = other
    this.#rows = new Map(rows.map(([source, state, last]) => [source, { state, last }]))
  }

  /** Makes room where a source has been silent for long. */
  #hasRoom(): boolean {
    if (this.#rows.size < this.#limit) return true
    const [oldest] = [...this.#rows].sort(([, a], [, b]) => a.last - b.last)
    if (oldest === undefined || this.#total - oldest[1].last <= SILENT) return false
    this.#rows.delete(oldest[0])
    this.#other = merged(this.#other, oldest[1].state)
    return true
  }
}

function rowOf(source: string, state: AccuracyState): SourceQuality {
  return { source, count: state[0], ...accuraciesOf(state) }
}
