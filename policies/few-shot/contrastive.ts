/**
 * Contrastive learning for the first labelled examples: the embeddings of two examples of one class are pulled together,
 * those of different classes are pushed apart, and the head is fitted to the result. From n examples of a batch a step
 * learns n² pairs, where cross-entropy learns n answers.
 *
 *   L = Σᵢ wᵢ/Σw · −1/|P(i)| · Σ_{p ∈ P(i)} log softmaxⱼ≠ᵢ(zᵢ·zⱼ/τ)ₚ,     z = x/‖x‖,  P(i) = others of the class of i
 *
 * It is due when the number of learned examples passes `first`, and again whenever it has grown by the factor `growth`, up
 * to `last`; between these updates, and after them, examples are learned in the usual way.
 *
 * Tunstall et al. (2022), "Efficient few-shot learning without prompts" (SetFit: first the embedding by contrast, then the
 * head); the loss is that of Khosla et al. (2020), "Supervised contrastive learning", NeurIPS.
 *
 *     few_shot: { policy: contrastive, first: 30, last: 500 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { EmbeddedRow, EmbeddingLoss, FewShot, PolicyKind } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'

/** Part of the steps in which the rate rises; then it falls to zero along a line. */
const WARMUP = 0.1

const settings = {
  first: integer([2, 100_000], 50, 'number of learned examples at which contrastive updates begin'),
  growth: number(
    [1.1, 1000],
    2,
    'factor by which the number of learned examples grows before the next such update',
  ),
  last: integer(
    [2, 100_000],
    1000,
    'number of learned examples after which there is no such update',
  ),
  passes: integer(
    [1, 100],
    2,
    'passes over all kept examples in such an update, which starts from fresh weights',
  ),
  batch: integer([2, 512], 32, 'examples in a step; each is compared with all others'),
  temperature: number(
    [0.01, 10],
    0.1,
    'of the similarities; the lower, the more weight the most similar examples of other classes have',
  ),
  rate: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 100,
    default: 2,
    description: 'highest learning rate of such an update, as a factor on train.learning_rate',
  },
  penalty: number(
    [0.0001, 10_000],
    1,
    'strength of the penalty on the weights of the head, which is fitted afterwards',
  ),
} as const

type Settings = SettingsOf<typeof settings>

export const contrastive: PolicyKind<FewShot, Settings> = {
  summary:
    'pulls embeddings of one class together and pushes classes apart while there are few examples; then the head is fitted',
  settings,
  needsClasses: true,
  open: ({ first, growth, last, passes, batch, temperature, rate, penalty }) => ({
    passes,
    batch,
    penalty,
    isDue: ({ before, after }) =>
      after <= last && stageOf(after, first, growth) > stageOf(before, first, growth),
    factor: (step, steps) => rate * rising(step, steps) * (1 - step / steps),
    loss: (rows) => supervisedContrast(rows, temperature),
  }),
}

/** 0 before `first` examples, then one more after each growth. */
function stageOf(count: number, first: number, growth: number): number {
  let stage = 0
  for (let next = first; next <= count; next *= growth) stage += 1
  return stage
}

function rising(step: number, steps: number): number {
  return Math.min(1, (step + 1) / Math.max(1, WARMUP * steps))
}

/** Rows without another one of their class are only contrast. */
function supervisedContrast(rows: readonly EmbeddedRow[], temperature: number): EmbeddingLoss {
  const unit = rows.map(({ embedding }) => normalised(embedding))
  // ∂L/∂s of the similarities s = z·z/τ.
  const slopes = rows.map(() => new Float64Array(rows.length))
  const anchors = rows.filter((_, at) => partners(rows, at) > 0)
  const total = anchors.reduce((sum, { weight }) => sum + weight, 0)
  let loss = 0
  for (const [at, { column, weight }] of rows.entries()) {
    const own = unit[at]?.z ?? new Float64Array()
    const positives = partners(rows, at)
    if (positives === 0 || total === 0) continue
    const share = weight / total
    const likely = softmaxOf(
      unit.map(({ z }, other) => (other === at ? -Infinity : dot(own, z) / temperature)),
    )
    const slope = slopes[at] ?? new Float64Array()
    for (const [other, log] of likely.entries()) {
      if (other === at) continue
      const isPositive = rows[other]?.column === column
      if (isPositive) loss -= (share / positives) * log
      slope[other] = share * (Math.exp(log) - (isPositive ? 1 / positives : 0))
    }
  }
  return { loss, gradients: unit.map((_, at) => gradientOf(at, unit, slopes, temperature)) }
}

interface Unit {
  readonly z: Float64Array
  readonly length: number
}

function normalised(embedding: Float32Array): Unit {
  const z = Float64Array.from(embedding)
  const length = Math.max(Math.sqrt(dot(z, z)), 1e-12)
  return { z: z.map((value) => value / length), length }
}

/** ∂L/∂x = (∂L/∂z − (∂L/∂z·z)·z)/‖x‖ */
function gradientOf(
  at: number,
  unit: readonly Unit[],
  slopes: readonly Float64Array[],
  temperature: number,
): Float32Array {
  const { z: own = new Float64Array(), length = 1 } = unit[at] ?? {}
  const slope = new Float64Array(own.length)
  for (const [other, { z }] of unit.entries()) {
    const factor = ((slopes[at]?.[other] ?? 0) + (slopes[other]?.[at] ?? 0)) / temperature
    if (factor === 0) continue
    for (let i = 0; i < slope.length; i += 1) slope[i] = (slope[i] ?? 0) + factor * (z[i] ?? 0)
  }
  const along = dot(slope, own)
  return Float32Array.from(slope, (value, i) => (value - along * (own[i] ?? 0)) / length)
}

function partners(rows: readonly EmbeddedRow[], at: number): number {
  const column = rows[at]?.column
  return rows.filter((row, other) => other !== at && row.column === column).length
}

/** Its logarithm. */
function softmaxOf(values: readonly number[]): readonly number[] {
  const most = Math.max(...values)
  const sum = values.reduce((all, value) => all + Math.exp(value - most), 0)
  return values.map((value) => value - most - Math.log(sum))
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let at = 0; at < one.length; at += 1) sum += (one[at] ?? 0) * (other[at] ?? 0)
  return sum
}
