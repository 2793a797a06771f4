/**
 * The recent accuracy of each slice and of each source over the life of this server: a point where the trainer reports
 * another count of examples. Bounded by 200 points of the parts that a report names.
 */
import type { QualityReport } from '../../../evaluation/contract.ts'
import { ThinnedSeries } from './thinned-series.ts'

export type PartKind = 'slice' | 'source'

/** The lines of one kind of part, the parts with the most examples first. */
export interface PartLines {
  readonly timesMs: readonly number[]
  readonly lines: readonly {
    readonly name: string
    readonly count: number
    /** At each time; null if it had no entry in the report. */
    readonly values: readonly (number | null)[]
  }[]
}

/** By the name of the part. */
type Shares = ReadonlyMap<string, number>

interface Point {
  readonly timeMs: number
  readonly slice: Shares
  readonly source: Shares
}

interface Part {
  readonly name: string
  readonly count: number
  readonly share: number
}

export class PartSeries {
  readonly #points: ThinnedSeries<Point>
  #last: QualityReport | undefined
  #count = -1

  constructor(most: number) {
    this.#points = new ThinnedSeries(most)
  }

  get size(): number {
    return this.#points.size
  }

  add(timeMs: number, quality: QualityReport | undefined): void {
    if (quality === undefined || quality === this.#last) return
    this.#last = quality
    const sources = partsOf(quality, 'source')
    const count = sources.reduce((sum, part) => sum + part.count, 0)
    if (count === this.#count) return
    this.#count = count
    const [slice, source] = [sharesOf(partsOf(quality, 'slice')), sharesOf(sources)]
    this.#points.add({ timeMs, slice, source })
  }

  /** The parts of the last report: one that has lost its entry there has no line. */
  lines(kind: PartKind): PartLines {
    const parts = this.#last === undefined ? [] : partsOf(this.#last, kind)
    const points = this.#points.all.filter((point) => point[kind].size > 0)
    return {
      timesMs: points.map(({ timeMs }) => timeMs),
      lines: parts.map(({ name, count }) => ({
        ...{ name, count },
        values: points.map((point) => point[kind].get(name) ?? null),
      })),
    }
  }
}

function partsOf({ slices = [], sources }: QualityReport, kind: PartKind): readonly Part[] {
  return kind === 'source'
    ? sources.map(({ source, count, accuracy_recent: share }) => ({ name: source, count, share }))
    : slices.map(({ slice, count, accuracy_recent: share }) => ({ name: slice, count, share }))
}

/** Four digits are more than a line can show. */
function sharesOf(parts: readonly Part[]): Shares {
  return new Map(parts.map(({ name, share }) => [name, Math.round(share * 1e4) / 1e4]))
}
