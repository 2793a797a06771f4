/**
 * The loss of a row: cross-entropy of the tags of its n positions, or of those that are known; padding and what a partial
 * correction leaves open have none.
 *
 *   L = ¹⁄ₙ Σₜ −log pₜ(yₜ)                dL/dzₜ = (pₜ − onehot(yₜ)) / n       t over the positions with a tag
 *   L = ¹⁄ₙ · −log(1 − q),  q = Πₜ pₜ(yₜ)   dL/dzₜ = q/(1 − q) · (onehot(yₜ) − pₜ) / n      of tags that are not all right
 *
 * p = softmax over the labels that are not retired. The second is unlikelihood of a whole span, or of a whole answer: it does
 * not say which of its tags is wrong (Welleck et al. 2020, "Neural text generation with unlikelihood training", ICLR).
 */
import type { LossRow } from '../../contracts/task.ts'
import { logSumExp, softmax } from '../../nn/softmax.ts'
import { columnsOf, firstColumn, tagsOf, type TokenSpan } from './bioes.ts'
import type { SpanTarget, TargetSpan } from './target.ts'

/** Added to a logit that takes no part. */
const NEVER = -1e9
/** A tag that is not known, and one whose label the head lacks. */
const [OPEN, LACKING] = [-1, -2]
/** The greatest probability of a span that is wrong: at 1 the loss would have no end. */
const SUREST = 1 - 1e-4

export interface TaggedLabels {
  readonly labels: readonly string[]
  readonly retired: readonly string[]
}

/** Adds its share of the gradient; returns its share of the loss. */
export function rowLoss(
  { target, outputs, share }: Pick<LossRow<SpanTarget>, 'target' | 'outputs' | 'share'>,
  known: TaggedLabels,
  gradient: Float32Array,
): number {
  const z = new Rows(outputs, known)
  if (z.positions === 0) return 0
  const factor = share / z.positions
  const { kind, spans, not = [] } = target
  if (kind === 'wrong') return unlikely(z, tagsIn(spans, z, known, 0), factor, gradient)
  const tags = tagsIn(spans, z, known, kind === 'all' ? 0 : OPEN)
  let loss = 0
  for (const [at, tag] of tags.entries())
    if (tag !== OPEN) loss += raise(z, at, tag, factor, gradient)
  for (const span of not) loss += unlikely(z, tagsIn([span], z, known, OPEN), factor, gradient)
  return loss
}

/** The outputs of a row, position by position. */
class Rows {
  readonly positions: number
  readonly columns: number
  readonly #outputs: Float32Array
  readonly #left: readonly number[]

  constructor(outputs: Float32Array, { labels, retired }: TaggedLabels) {
    this.columns = columnsOf(labels.length)
    this.positions = Math.floor(outputs.length / this.columns)
    this.#outputs = outputs
    this.#left = labels.flatMap((label, at) => (retired.includes(label) ? [firstColumn(at)] : []))
  }

  at(position: number): Float32Array {
    const { columns } = this
    const row = this.#outputs.subarray(position * columns, (position + 1) * columns)
    if (this.#left.length === 0) return row
    const limited = row.slice()
    for (const first of this.#left)
      for (let at = first; at < first + 4; at += 1) limited[at] = (limited[at] ?? 0) + NEVER
    return limited
  }
}

/** One tag a position; `others`: that of the positions outside of the spans. A retired label teaches nothing. */
function tagsIn(
  spans: readonly TargetSpan[],
  { positions }: Rows,
  { labels, retired }: TaggedLabels,
  others: number,
): Int32Array {
  const placed = spans.map(({ from = 0, to = 0, label }): TokenSpan => {
    return { from, to: Math.min(to, positions), label: labels.indexOf(label) }
  })
  const tags = tagsOf(
    placed.filter(({ label }) => label >= 0),
    positions,
  )
  if (others !== 0) {
    const said = placed.map(({ from, to }) => [from, to] as const)
    for (const at of tags.keys())
      if (!said.some(([from, to]) => at >= from && at < to)) tags[at] = others
  }
  for (const [at, { from, to, label }] of placed.entries())
    if (label < 0) tags.fill(LACKING, from, to)
    else if (retired.includes(spans[at]?.label ?? '')) tags.fill(OPEN, from, to)
  return tags
}

/** −log softmax(z)[y]; a label that the head lacks is a column with logit 0, which moves nothing. */
function raise(z: Rows, at: number, tag: number, factor: number, gradient: Float32Array): number {
  const row = z.at(at)
  if (tag === LACKING) return factor * logSumExp([...row, 0])
  const total = logSumExp(row)
  const place = at * z.columns
  for (let k = 0; k < row.length; k += 1) {
    const derivative = Math.exp((row[k] ?? 0) - total) - (k === tag ? 1 : 0)
    gradient[place + k] = (gradient[place + k] ?? 0) + factor * derivative
  }
  return factor * (total - (row[tag] ?? 0))
}

/** −log(1 − Π p) of the positions with a tag. */
function unlikely(z: Rows, tags: Int32Array, factor: number, gradient: Float32Array): number {
  const taken = [...tags.keys()].filter((at) => tags[at] !== OPEN)
  // What the head has no label for was not its answer.
  if (taken.length === 0 || taken.some((at) => tags[at] === LACKING)) return 0
  const shares = taken.map((at) => softmax(z.at(at)))
  const logs = taken.map((at, place) => Math.log(shares[place]?.[tags[at] ?? 0] ?? 0))
  const q = Math.min(SUREST, Math.exp(logs.reduce((sum, log) => sum + log, 0)))
  const pull = (factor * q) / (1 - q)
  for (const [place, at] of taken.entries())
    for (const [k, p] of (shares[place] ?? []).entries()) {
      const to = at * z.columns + k
      gradient[to] = (gradient[to] ?? 0) + pull * ((k === tags[at] ? 1 : 0) - p)
    }
  return factor * -Math.log(1 - q)
}

/**
 * Cross-entropy with a teacher's tags, position by position, over the columns that it knows, both with a temperature (Hinton
 * et al. 2015).
 *
 *   L = ¹⁄ₙ Σₜ −Σⱼ hⱼ · log qⱼ      h = softmax(teacher / T), q = softmax(z / T)      dL/dz = (q − h) / (n·T)
 */
export function distilled(
  outputs: Float32Array,
  teacher: Float32Array,
  {
    share,
    temperature,
    positions = 1,
  }: {
    readonly share: number
    readonly temperature: number
    readonly positions?: number | undefined
  },
  gradient: Float32Array,
): number {
  const [own, known] = [outputs.length / positions, teacher.length / positions]
  const factor = share / positions
  let loss = 0
  for (let at = 0; at < positions; at += 1) {
    const h = softmax(teacher.subarray(at * known, (at + 1) * known).map((z) => z / temperature))
    const z = outputs.subarray(at * own, at * own + known).map((each) => each / temperature)
    const total = logSumExp(z)
    for (const [k, part] of h.entries()) {
      const log = (z[k] ?? 0) - total
      loss -= factor * part * log
      const to = at * own + k
      gradient[to] = (gradient[to] ?? 0) + (factor * (Math.exp(log) - part)) / temperature
    }
  }
  return loss
}
