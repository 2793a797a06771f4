/**
 * The opinion of all stored examples about one example: a ridge regression over the replay buffer, in which each source
 * has an equal say. It is computed from the stored examples and has no state of its own, so a retraction, a rollback
 * and a crash need nothing here. Where the sources with standing have enough examples, the others have no say: a flood of new
 * names must not decide by what it is judged.
 *
 * Wrong labels move it far less than they move a head that is trained in steps, because it averages over all examples at
 * once; the head's own loss would call its memorised mistakes right.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Example, Head } from '../../contracts/example.ts'
import { onlyColumn, type Task } from '../../contracts/task.ts'
import { fitRidge, type Ridge, type RidgeRow } from '../../optim/heads/ridge.ts'
import { evenly } from '../../evaluation/gate-rows.ts'

interface ReferenceParts {
  readonly task: Pick<Task, 'classes'>
  /** The largest share of a source, and the trust in it: 0 = it has no say. */
  readonly share: number
  readonly trust: (source: string) => number
  /** What it counts as: sources of one voice have one share. */
  readonly voice: (source: string) => string
  /** Voices that are heard alone where they say enough. */
  readonly isKnown: (voice: string) => boolean
  /** Absent if none is. */
  readonly isTrusted?: ((source: string) => boolean) | undefined
}

/** The most work of one pass: rows × width × classes. */
const MOST_WORK = 2 ** 20
/** Fewer examples prove nothing. */
const FEWEST_ROWS = 48
const FEWEST_OF_CLASS = 8

export class Reference {
  readonly noise: TargetNoise
  /** Whether it is of known voices, none of them trusted, and no others. */
  readonly isOfKnown: boolean
  readonly #ridge: Ridge
  readonly #columns: ReadonlyMap<number, number>
  /** The places of the examples that it was made of. */
  readonly #rows: ReadonlyMap<ExampleKey, number>

  constructor({ ridge, columns, rows, noise, isOfKnown }: FittedReference) {
    this.noise = noise
    this.isOfKnown = isOfKnown
    this.#ridge = ridge
    this.#columns = columns
    this.#rows = new Map(rows.map(({ key }, at) => [key, at]))
  }

  /**
   * Undefined if there are too few examples, or if outputs are no classes. If there are trusted sources, only their
   * rows count, however few they are.
   */
  static of(
    kept: readonly { readonly example: Example; readonly latent: Latent }[],
    head: Head,
    parts: ReferenceParts,
  ): Reference | undefined {
    const known = kept.flatMap(({ example, latent }) => {
      const column = onlyColumn(parts.task, example.target, head)
      const isSaid = column?.isRight === true
      const { key, source } = example
      return isSaid ? [{ key, source, column: column.at, values: meanOf(latent) }] : []
    })
    const isHeard = ({ source }: ReferenceRow) => parts.isTrusted?.(source) ?? true
    return fitted(known.filter(isHeard), parts)
  }

  /** The opinion, without the example itself. Undefined if there are too few examples of the class. */
  opinion(example: Example, latent: Latent, head: Head, task: Pick<Task, 'classes'>) {
    const said = onlyColumn(task, example.target, head)
    const own = said && this.#columns.get(said.at)
    if (said === undefined || own === undefined) return undefined
    const row = this.#rows.get(example.key)
    const scores = row === undefined ? this.#ridge.scores(meanOf(latent)) : this.#ridge.leftOut(row)
    const gap = -marginOf(scores, own)
    const chance = 1 / this.#columns.size
    return said.isRight ? { against: gap, chance } : { against: -gap, chance: 1 - chance }
  }
}

interface ReferenceRow {
  readonly key: ExampleKey
  readonly source: string
  readonly column: number
  readonly values: Float32Array
}

interface FittedReference {
  readonly ridge: Ridge
  readonly columns: ReadonlyMap<number, number>
  readonly rows: readonly ReferenceRow[]
  readonly noise: TargetNoise
  readonly isOfKnown: boolean
}

function fitted(said: readonly ReferenceRow[], parts: ReferenceParts): Reference | undefined {
  const { trust, voice, isKnown, isTrusted } = parts
  const all = said
    .filter(({ source }) => trust(source) > 0)
    .map((each) => ({ ...each, source: voice(each.source) }))
    .filter(({ source }) => trust(source) > 0)
  const known = all.filter(({ source }) => isKnown(source))
  return made(known, parts, isTrusted === undefined) ?? made(all, parts, false)
}

function made(
  heard: readonly ReferenceRow[],
  { share, trust }: ReferenceParts,
  isOfKnown: boolean,
): Reference | undefined {
  const sizes = new Map<number, number>()
  for (const { column } of heard) sizes.set(column, (sizes.get(column) ?? 0) + 1)
  const frequent = [...sizes].filter(([, size]) => size >= FEWEST_OF_CLASS)
  const columns = new Map(frequent.map(([column], at) => [column, at]))
  const width = heard[0]?.values.length ?? 0
  const room = Math.floor(MOST_WORK / Math.max(1, width * Math.max(1, columns.size)))
  const rows = evenly(
    heard.filter(({ column }) => columns.has(column)),
    room,
  )
  if (columns.size < 2) return undefined
  const says = equalSay(
    rows.map(({ source }) => source),
    share,
    trust,
  )
  // Many rows of one source are few voices.
  if (rows.reduce((sum, { source }) => sum + (says.get(source) ?? 0), 0) < FEWEST_ROWS)
    return undefined
  const ridgeRows = rows.map(({ column, values, source }): RidgeRow => ({
    values,
    column: columns.get(column) ?? 0,
    weight: says.get(source) ?? 0,
  }))
  const ridge = fitRidge(ridgeRows, columns.size)
  const plain = marginsOf(ridge, ridgeRows)
  const doubt = TargetNoise.of(plain, weightsOf(ridgeRows))
  const second = ridge.reweighted(plain.map((margin) => rowWeight(doubt.wrong(margin))))
  const noise = TargetNoise.of(marginsOf(second, ridgeRows), weightsOf(ridgeRows))
  return new Reference({ ridge: second, columns, rows, noise, isOfKnown })
}

/**
 * The weight of an example that is wrong with probability p: at the boundary, the expected gradient of a label that is
 * flipped with probability p is that of (1 − 2p)·loss(y). An example that is more likely wrong than right has no
 * weight.
 */
function rowWeight(wrong: number): number {
  return Math.max(0, 1 - 2 * wrong)
}

function weightsOf(rows: readonly RidgeRow[]): Float64Array {
  return Float64Array.from(rows, ({ weight }) => weight)
}

function marginsOf(ridge: Ridge, rows: readonly RidgeRow[]): Float64Array {
  return Float64Array.from(rows, ({ column }, at) => marginOf(ridge.leftOut(at), column))
}

/** The margin of a class over the best of the others. */
function marginOf(scores: Float64Array, own: number): number {
  const others = scores.filter((_, at) => at !== own)
  return (scores[own] ?? 0) - Math.max(...others)
}

/** The mean over its positions. */
function meanOf({ data, positions, width }: Latent): Float32Array {
  if (positions <= 1) return data
  const mean = new Float32Array(width)
  for (let at = 0; at < data.length; at += 1)
    mean[at % width] = (mean[at % width] ?? 0) + (data[at] ?? 0) / positions
  return mean
}

/** Most of the share: if half of the labels were wrong, they would mean the opposite. */
const [LEAST, MOST] = [0.005, 0.45]
const START = 0.1
const STEPS = 60

/**
 * How likely a label is wrong, by the margin with which the other examples support it. A wrong label has the margin that the
 * right one would have, with the other sign, so the margins of all are a mixture of two mirrored bells:
 *
 *   m ~ (1 − ρ)·N(µ, σ²) + ρ·N(−µ, σ²)          ρ: share of wrong labels, by expectation–maximisation
 *   P(wrong | m) = 1 / (1 + ((1 − ρ) / ρ)·exp(k·m)),   k = 2µ / σ²
 *
 * Where labels are clean, nearly every contradicted one is a right label of a hard example; where a fifth is wrong, most are
 * not. Dempster, Laird & Rubin (1977), JRSS B 39(1).
 */
export class TargetNoise {
  /** ρ */
  readonly share: number
  /** k */
  readonly #steepness: number

  constructor(share: number, steepness: number) {
    this.share = share
    this.#steepness = steepness
  }

  /** `margins`: of examples that had no say in them; as many weights. */
  static of(margins: Float64Array, weights: Float64Array): TargetNoise {
    const mean = (of: (margin: number) => number) => weightedMean(margins, weights, of)
    // E(m ∓ µ)² over both bells = E m² − µ², where µ is the mean of the mirrored margins.
    const square = mean((margin) => margin ** 2)
    let fitted = new TargetNoise(START, steepness(mean(Math.abs), square))
    for (let step = 0; step < STEPS; step += 1) {
      const before = fitted
      const mirrored = (margin: number) => margin * (1 - 2 * before.wrong(margin))
      const share = mean((margin) => before.wrong(margin))
      fitted = new TargetNoise(
        Math.max(LEAST, Math.min(MOST, share)),
        steepness(mean(mirrored), square),
      )
    }
    return fitted
  }

  /** `share`: of wrong labels among such, where it is not that of all. */
  wrong(margin: number, share = this.share): number {
    if (share <= 0) return 0
    return 1 / (1 + ((1 - share) / share) * Math.exp(this.#steepness * margin))
  }

  /** How often what is so sure contradicts a right label. */
  error(sureness: number): number {
    return this.wrong(sureness, 0.5)
  }
}

/** k of a centre µ. */
function steepness(centre: number, square: number): number {
  const variance = square - centre ** 2
  return variance > 1e-12 ? (2 * Math.max(0, centre)) / variance : 0
}

function weightedMean(values: Float64Array, weights: Float64Array, of: (value: number) => number) {
  let [sum, total] = [0, 0]
  for (const [at, weight] of weights.entries()) {
    sum += weight * of(values[at] ?? 0)
    total += weight
  }
  return total === 0 ? 0 : sum / total
}

/** Times an equal part: with less, the source that has said least would cut down all others. */
const LEAST_SAY = 1.5

/**
 * The weight of each source's rows, so that no source says more than its share of all, however many rows it has.
 *
 *   w(s) = trust(s) · min(1, cap / n(s)),   cap so that  cap ≤ share · Σₛ w(s)·n(s),   share ≥ 1.5 / number of sources
 *
 * Found by filling up: the sources below the cap keep all their rows, the others get equal parts of what is left.
 */
export function equalSay(
  sources: readonly string[],
  share: number,
  trust: (source: string) => number,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const source of sources) counts.set(source, (counts.get(source) ?? 0) + 1)
  const loads = [...counts].map(([source, count]) => ({ source, load: count * trust(source) }))
  const cap = capOf(
    loads.map(({ load }) => load),
    Math.min(1, Math.max(share, LEAST_SAY / counts.size)),
  )
  return new Map(
    loads.map(({ source, load }) => [
      source,
      load > cap ? (trust(source) * cap) / load : trust(source),
    ]),
  )
}

/** The largest cap at which the capped sources have no more than their share. */
function capOf(loads: readonly number[], share: number): number {
  const sorted = loads.toSorted((a, b) => a - b)
  let below = 0
  for (const [at, load] of sorted.entries()) {
    const above = sorted.length - at
    // All from here on have the cap: cap = share · (below + above · cap).
    const room = 1 - share * above
    const cap = room <= 1e-12 ? Infinity : (share * below) / room
    if (cap <= load) return Math.max(cap, at === 0 ? load : (sorted[at - 1] ?? 0))
    below += load
  }
  return sorted.at(-1) ?? 0
}
