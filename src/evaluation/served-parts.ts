/**
 * The scores of one version's served answers, part by part: by stratum of what was right, by slice and by source, and the
 * confusion between strata. Bounded: parts without a row of their own are counted as `other`.
 */

/** The parts that a judged answer belongs to. */
export interface JudgedPart {
  readonly source: string
  /** The strata of the right answer. */
  readonly strata: readonly string[]
  readonly slice?: string
  /** The stratum that was answered, and the right one; absent if the task has none, or feedback did not say. */
  readonly confused?: readonly [said: string, right: string]
}

type Row = readonly [name: string, count: number, errors: number]
type Pair = readonly [said: string, right: string, count: number]

/** As the checkpoint keeps it. */
export interface PartsState {
  readonly strata: readonly Row[]
  readonly slices: readonly Row[]
  readonly sources: readonly Row[]
  readonly confusion: readonly Pair[]
}

export interface PartScore {
  readonly name: string
  readonly count: number
  readonly error: number
}

export interface ServedPartScores {
  readonly strata: readonly PartScore[]
  readonly slices: readonly PartScore[]
  readonly sources: readonly PartScore[]
  /** Most frequent first; the right answers are in it too. */
  readonly confusion: readonly {
    readonly said: string
    readonly right: string
    readonly count: number
  }[]
}

/** Rows of each kind, and pairs of answers. */
const MOST_ROWS = 64
const MOST_PAIRS = 256
export const OTHER_PART = 'other'

export class ServedParts {
  readonly #strata: Map<string, Row>
  readonly #slices: Map<string, Row>
  readonly #sources: Map<string, Row>
  readonly #pairs: Map<string, Pair>

  constructor({ strata, slices, sources, confusion }: PartsState = nothing) {
    this.#strata = byName(strata)
    this.#slices = byName(slices)
    this.#sources = byName(sources)
    this.#pairs = new Map(confusion.map((pair) => [pairKey(pair[0], pair[1]), pair]))
  }

  /** `by`: −1 where a judgement is withdrawn. */
  count({ source, strata, slice, confused }: JudgedPart, error: number, by: 1 | -1): void {
    for (const stratum of strata) add(this.#strata, stratum, error, by)
    add(this.#sources, source, error, by)
    if (slice !== undefined) add(this.#slices, slice, error, by)
    if (confused !== undefined) this.#confuse(confused, by)
  }

  /** Returns whether it had a row. */
  forgetSource(source: string): boolean {
    return this.#sources.delete(source)
  }

  get scores(): ServedPartScores {
    return {
      strata: scoresOf(this.#strata),
      slices: scoresOf(this.#slices),
      sources: scoresOf(this.#sources),
      confusion: [...this.#pairs.values()]
        .filter(([, , count]) => count > 0)
        .map(([said, right, count]) => ({ said, right, count }))
        .toSorted((one, other) => other.count - one.count),
    }
  }

  get state(): PartsState {
    return {
      strata: [...this.#strata.values()],
      slices: [...this.#slices.values()],
      sources: [...this.#sources.values()],
      confusion: [...this.#pairs.values()],
    }
  }

  #confuse([said, right]: readonly [string, string], by: 1 | -1): void {
    const key = pairKey(said, right)
    const [, , count] = this.#pairs.get(key) ?? [said, right, 0]
    if (count === 0 && (by < 0 || this.#pairs.size >= MOST_PAIRS)) return
    this.#pairs.set(key, [said, right, count + by])
  }
}

const nothing: PartsState = { strata: [], slices: [], sources: [], confusion: [] }

function byName(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row[0], row]))
}

function pairKey(said: string, right: string): string {
  return `${said}\0${right}`
}

/** A row stays when its count is zero, so that counts of `other` are never mistaken for it. */
function add(rows: Map<string, Row>, name: string, error: number, by: 1 | -1): void {
  const own = rows.has(name) || rows.size < MOST_ROWS ? name : OTHER_PART
  const [, count, errors] = rows.get(own) ?? [own, 0, 0]
  rows.set(own, [own, count + by, count + by === 0 ? 0 : errors + by * error])
}

function scoresOf(rows: ReadonlyMap<string, Row>): readonly PartScore[] {
  return [...rows.values()]
    .filter(([, count]) => count > 0)
    .map(([name, count, errors]) => ({ name, count, error: errors / count }))
    .toSorted((one, other) => other.count - one.count)
}
