/**
 * The columns of the sums where any number of classes may be right, so that each example counts once whatever it says:
 *
 *   whole   examples that say of every class whether it holds
 *   part    those that say it of some
 *   yes c   those with c            asked c   those in part that say whether c holds
 *
 * Examples without c are those that are known less those with it: `whole` + `asked c` − `yes c`. So a class that comes late has its
 * examples without it from the beginning, and what a label adds to an example is one column.
 *
 * Thumbs down on an answer says that not all of it is right. It is divided by the head of that moment (closed-form.ts):
 *
 *   P(c | not the answer a) = (p_c − a_c·P(a)) / (1 − P(a))
 */
import type { ClosedForm, IndependentSums, RidgeSolver } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { KnownColumns } from '../../contracts/task.ts'
import { sigmoid } from '../../nn/sigmoid.ts'
import { invariant } from '../../platform/errors.ts'
import type { ExactSums } from './exact-sums.ts'

const WHOLE = 0
const PART = 1
const yesOf = (at: number) => 2 + 2 * at
const askedOf = (at: number) => 3 + 2 * at

export const independentColumns = {
  count: (classes: number) => yesOf(classes),

  names: (classes: readonly string[]) => [
    ...['whole', 'part'],
    ...classes.flatMap((name) => [`yes ${name}`, `asked ${name}`]),
  ],

  /** Classes with an example that has them. */
  known: (seen: readonly number[]) =>
    seen.flatMap((column) => (column >= 2 && column % 2 === 0 ? [(column - 2) / 2] : [])),

  shares({ yes, no }: KnownColumns, weight: number): ReadonlyMap<number, number> {
    const asked = no === 'others' ? [] : [...yes, ...no].map(askedOf)
    const columns = [no === 'others' ? WHOLE : PART, ...asked, ...yes.map(yesOf)]
    return new Map(columns.map((column) => [column, weight]))
  },

  /** Of an answer that was wrong somewhere; `answering`: the classes that may be in it. */
  divided(
    logits: Float32Array,
    { yes }: KnownColumns,
    answering: readonly number[],
    weight: number,
  ): ReadonlyMap<number, number> {
    const scores = answering.map((at) => sigmoid(logits[at] ?? 0))
    const answered = answering.map((at) => Number(yes.includes(at)))
    const all = scores.reduce((product, p, at) => product * (answered[at] === 1 ? p : 1 - p), 1)
    const rest = Math.max(1 - all, 1e-6)
    const shares = new Map([[PART, weight]])
    for (const [place, at] of answering.entries()) {
      const share = ((scores[place] ?? 0) - (answered[place] ?? 0) * all) / rest
      shares.set(askedOf(at), weight)
      shares.set(yesOf(at), weight * Math.max(0, Math.min(1, share)))
    }
    return shares
  },
}

type ColumnSums = Pick<ExactSums, 'of'>

/** log of the odds without evidence, as if there were half an example more of both. */
function priorOf(yes: number, known: number): number {
  return Math.log((yes + 0.5) / (known - yes + 0.5))
}

/** Of each class. */
export function priorsIn(sums: ColumnSums, classes: number): readonly number[] {
  const { counts } = sums.of([...Array(yesOf(classes)).keys()])
  return Array.from({ length: classes }, (_, at) => {
    const known = (counts[WHOLE] ?? 0) + (counts[askedOf(at)] ?? 0)
    return priorOf(counts[yesOf(at)] ?? 0, known)
  })
}

interface EachHead {
  readonly closedForm: ClosedForm
  readonly solver: RidgeSolver | undefined
  /** Of the classes of the head. */
  readonly names: readonly string[]
  /** β */
  readonly inverse: number
  /** The task's factor on embedding · weight. */
  readonly scale: number
}

/**
 * The head of a version: a class that has examples with it and without it answers by its evidence, and each other one by its odds.
 *
 *   z_c = β·(x·w_c + b_c) + log((n⁺_c + ½) / (n⁻_c + ½))
 */
export function headOfEach(
  sums: ColumnSums,
  { closedForm, solver, names, inverse, scale }: EachHead,
): Tensors {
  const classes = names.length
  const priors = priorsIn(sums, classes)
  const told = toldApart(sums, names)
  invariant(closedForm.solveEach !== undefined, 'a closed form of independent classes')
  const found = independentSums(sums, told)
  const { width } = found
  const columns = new Float32Array(width * classes)
  const constants = Float32Array.from(priors)
  const { weight, bias } =
    told.length === 0
      ? { weight: new Float64Array(), bias: new Float64Array() }
      : closedForm.solveEach(found, solver)
  for (const [at, column] of told.entries()) {
    constants[column] = inverse * (bias[at] ?? 0) + (priors[column] ?? 0)
    for (let row = 0; row < width; row += 1)
      columns[row * classes + column] = (inverse / scale) * (weight[at * width + row] ?? 0)
  }
  return new Map<string, Tensor>([
    ['head.weight', { shape: [width, classes], data: columns }],
    ['head.bias', { shape: [classes], data: constants }],
  ])
}

/** Classes with examples on both sides, by name: the order in which they came may not change a bit of the solution. */
function toldApart(sums: ColumnSums, names: readonly string[]): readonly number[] {
  const { counts } = sums.of([...Array(yesOf(names.length)).keys()])
  const isTold = (at: number) => {
    const yes = counts[yesOf(at)] ?? 0
    return yes > 0 && (counts[WHOLE] ?? 0) + (counts[askedOf(at)] ?? 0) > yes
  }
  const both = [...names.keys()].filter(isTold)
  return both.toSorted((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1))
}

function independentSums(sums: ColumnSums, classes: readonly number[]): IndependentSums {
  const { width, counts, sums: own, moments } = sums.of([WHOLE, PART])
  const [yes, asked] = [sums.of(classes.map(yesOf)), sums.of(classes.map(askedOf))]
  const sum = own.slice(0, width).map((value, at) => value + (own[width + at] ?? 0))
  const whole = own.subarray(0, width)
  return {
    width,
    yes,
    known: {
      counts: asked.counts.map((count) => (counts[WHOLE] ?? 0) + count),
      sums: asked.sums.map((value, at) => (whole[at % width] ?? 0) + value),
    },
    all: { count: (counts[WHOLE] ?? 0) + (counts[PART] ?? 0), sum, moments },
  }
}
