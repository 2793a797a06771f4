/**
 * The score of rows with known right answers, for one version or for two beside each other: counts that add up, so that a
 * file of any length is judged in requests of bounded size, and the report that follows from them.
 *
 *   right or wrong   p̂ ± Wilson (1927): (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n)
 *   difference       d̄ ± z·s/√(n+2) over the rows and ½ row of +1, ½ row of −1 and 1 row of 0
 *   distance, loss   x̄ ± t·s/√n, also for the difference: Student (1908), paired
 *
 * Both versions answer the same rows, so the difference is that of pairs. Rows count as independent. z = t = 95 %, two-sided.
 *
 * Agresti & Min (2005), "Simple improved confidence intervals for comparing matched proportions", Statistics in Medicine 24(5).
 */

/**
 * `accuracy`: answers are right or wrong. `absolute_error`: a distance in the unit of the values. `loss`: −log p of a token. `error`:
 * between 0 and 1, of answers that may be right in part.
 */
export type Measure = 'accuracy' | 'absolute_error' | 'loss' | 'error'

/** A row as one version answers it. */
export interface RowVerdict {
  /** 0 = right; 1 = wrong where answers are right or wrong, otherwise the distance or the loss. */
  readonly error: number
  /** Its cell in the confusion matrix; absent = the task has none. */
  readonly cell?: Pick<Cell, 'said' | 'right'>
}

interface Cell {
  readonly said: string
  readonly right: string
  readonly count: number
}

/** Σ of an error or of a difference, and of its square. */
interface Sums {
  readonly sum: number
  readonly squares: number
}

interface VersionTally extends Sums {
  readonly version: string
  readonly cells: readonly Cell[]
  /** Rows whose cell found no room. */
  readonly unlisted: number
}

export interface Tally {
  readonly rows: number
  readonly version: VersionTally
  readonly against?: VersionTally
  /** error(against) − error(version), and the rows where it is above and below 0. */
  readonly paired?: Sums & { readonly better: number; readonly worse: number }
}

interface StratumScore {
  /** As the task names it: a label. */
  readonly name: string
  /** Rows whose right answer it is. */
  readonly count: number
  /** Null: it was never answered. */
  readonly precision: number | null
  /** Null: it was never right. */
  readonly recall: number | null
}

/** A mean and its interval, which few rows do not have. */
interface Estimate {
  readonly mean: number
  readonly low?: number
  readonly high?: number
}

interface VersionScore extends Estimate {
  readonly version: string
  /** Most rows first; absent if answers are no labels. */
  readonly strata?: readonly StratumScore[]
  readonly confusion?: readonly Cell[]
  /** Rows that are in the mean and not in these two, which are bounded; absent = none. */
  readonly unlisted?: number
}

interface Difference extends Estimate {
  /** Rows that `version` answers better than `against`, and worse. */
  readonly better: number
  readonly worse: number
  /** `undecided`: the interval contains 0, or there are too few rows for one. */
  readonly verdict: 'better' | 'worse' | 'undecided'
}

export interface EvaluationReport {
  readonly measure: Measure
  readonly rows: number
  /** Absent without rows. */
  readonly version?: VersionScore
  readonly against?: VersionScore
  /** `version` minus `against`. */
  readonly difference?: Difference
}

/** The cells of a tally, which a client sends back with its next rows. */
const MOST = { cells: 1024, characters: 32_768 }

export function emptyTally(version: string, against?: string): Tally {
  const empty = { sum: 0, squares: 0, cells: [], unlisted: 0 }
  return {
    rows: 0,
    version: { version, ...empty },
    ...(against !== undefined && {
      against: { version: against, ...empty },
      paired: { sum: 0, squares: 0, better: 0, worse: 0 },
    }),
  }
}

/** Sums of squares are exact to this part. */
const ROUNDING = 1e-9

/** Whether rows can have made this tally. A client sends it, and one that is made up gives no numbers. */
export function isPossible(measure: Measure, tally: Tally): boolean {
  const { rows, version, against, paired } = tally
  // (Σx)² ≤ n·Σx²: Cauchy and Schwarz.
  const fits = ({ sum, squares }: Sums) =>
    Number.isFinite(rows * squares) && sum * sum <= rows * squares * (1 + ROUNDING)
  const scored = [version, ...(against ? [against] : [])].every((of) => {
    const counted = of.cells.reduce((total, { count }) => total + count, of.unlisted)
    const inRange = of.sum >= 0 && (measure !== 'accuracy' || of.sum <= rows)
    return fits(of) && inRange && counted <= rows
  })
  if (!Number.isSafeInteger(rows) || !scored) return false
  return paired === undefined || (fits(paired) && paired.better + paired.worse <= rows)
}

/** `against`: the verdicts of the other version on the same rows. */
export function tallied(
  tally: Tally,
  version: readonly RowVerdict[],
  against: readonly RowVerdict[] = [],
): Tally {
  const rows = tally.rows + version.length
  const counted = { rows, version: withVerdicts(tally.version, version) }
  if (tally.against === undefined || tally.paired === undefined) return counted
  let { sum, squares, better, worse } = tally.paired
  for (const [at, { error }] of version.entries()) {
    const gain = (against[at]?.error ?? error) - error
    sum += gain
    squares += gain * gain
    better += Number(gain > 0)
    worse += Number(gain < 0)
  }
  const paired = { sum, squares, better, worse }
  return { ...counted, against: withVerdicts(tally.against, against), paired }
}

function withVerdicts(tally: VersionTally, verdicts: readonly RowVerdict[]): VersionTally {
  const cells = new Map(tally.cells.map((cell) => [keyOf(cell), cell]))
  let characters = tally.cells.reduce(
    (total, { said, right }) => total + said.length + right.length,
    0,
  )
  let { sum, squares, unlisted } = tally
  for (const { error, cell } of verdicts) {
    sum += error
    squares += error * error
    if (cell === undefined) continue
    const known = cells.get(keyOf(cell))
    const more = cell.said.length + cell.right.length
    if (known !== undefined) cells.set(keyOf(cell), { ...known, count: known.count + 1 })
    else if (cells.size < MOST.cells && characters + more <= MOST.characters) {
      cells.set(keyOf(cell), { ...cell, count: 1 })
      characters += more
    } else unlisted += 1
  }
  return { ...tally, sum, squares, unlisted, cells: [...cells.values()] }
}

function keyOf({ said, right }: Pick<Cell, 'said' | 'right'>): string {
  return JSON.stringify([said, right])
}

export function reportOf(measure: Measure, tally: Tally): EvaluationReport {
  const { rows, version, against, paired } = tally
  if (rows === 0) return { measure, rows }
  return {
    ...{ measure, rows, version: scoreOf(measure, version, rows) },
    ...(against && { against: scoreOf(measure, against, rows) }),
    ...(paired && { difference: differenceOf(measure, paired, rows) }),
  }
}

function scoreOf(measure: Measure, tally: VersionTally, rows: number): VersionScore {
  const { version, cells, unlisted } = tally
  return {
    version,
    ...(measure === 'accuracy' ? share(1 - tally.sum / rows, rows) : meanOf(tally, rows)),
    ...(cells.length > 0 && { strata: strataOf(cells), confusion: mostFirst(cells) }),
    ...(unlisted > 0 && { unlisted }),
  }
}

function differenceOf(
  measure: Measure,
  { sum, squares, better, worse }: Tally['paired'] & {},
  rows: number,
): Difference {
  const isShare = measure === 'accuracy'
  // Of accuracies more is better, of errors less.
  const sign = isShare ? 1 : -1
  const { low, high } = isShare
    ? interval({ sum, squares: squares + 1 }, rows + 2, rows + 2, Z)
    : meanOf({ sum: -sum, squares }, rows)
  const mean = (sign * sum) / rows
  if (low === undefined || high === undefined) return { mean, better, worse, verdict: 'undecided' }
  const isUp = low > 0
  const isDown = high < 0
  const verdict = isUp || isDown ? (isUp === isShare ? 'better' : 'worse') : 'undecided'
  return { mean, low, high, better, worse, verdict }
}

/** Fewer rows give no interval of a mean. */
const FEWEST = 5
const Z = 1.959964

function share(mean: number, rows: number): Estimate {
  const square = (Z * Z) / rows
  const middle = (mean + square / 2) / (1 + square)
  const half = (Z * Math.sqrt((mean * (1 - mean)) / rows + square / (4 * rows))) / (1 + square)
  return { mean, low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}

function meanOf(sums: Sums, rows: number): Estimate {
  if (rows < FEWEST) return { mean: sums.sum / rows }
  return interval(sums, rows, rows - 1, studentT(rows - 1))
}

function interval({ sum, squares }: Sums, rows: number, freedom: number, factor: number) {
  const mean = sum / rows
  const variance = Math.max(0, squares - rows * mean * mean) / freedom
  const half = factor * Math.sqrt(variance / rows)
  return { mean, low: mean - half, high: mean + half }
}

/** The 97.5 % quantile of Student's t: Cornish and Fisher's expansion, within .01 from 4 degrees of freedom on. */
function studentT(freedom: number): number {
  const square = Z * Z
  const [first, second, third] = [
    Z * (square + 1),
    Z * (5 * square ** 2 + 16 * square + 3),
    Z * (3 * square ** 3 + 19 * square ** 2 + 17 * square - 15),
  ]
  return Z + first / (4 * freedom) + second / (96 * freedom ** 2) + third / (384 * freedom ** 3)
}

function strataOf(cells: readonly Cell[]): readonly StratumScore[] {
  const strata = new Map<string, { count: number; said: number; hits: number }>()
  const of = (name: string) => {
    const found = strata.get(name) ?? { count: 0, said: 0, hits: 0 }
    strata.set(name, found)
    return found
  }
  for (const { said, right, count } of cells) {
    of(right).count += count
    if (said === '') continue
    of(said).said += count
    if (said === right) of(said).hits += count
  }
  return [...strata]
    .map(([name, { count, said, hits }]) => ({
      ...{ name, count },
      precision: said === 0 ? null : hits / said,
      recall: count === 0 ? null : hits / count,
    }))
    .toSorted((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1))
}

function mostFirst(cells: readonly Cell[]): readonly Cell[] {
  return cells.toSorted((one, other) => other.count - one.count)
}
