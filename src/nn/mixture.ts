/**
 * A mixture of experts that answer the same input: the adapter's head, kept examples, two linear heads on what the
 * examples are compared by, and the leaves of a forest. Each counts by its weight, which is part of the version like everything else here.
 *
 *   p = w₀·softmax(z) + w₁·a·V + w₂·softmax(x·C + c) + w₃·softmax(x·F + f) + w₄·a₁₀₀·V + w₅·a₂₀·V + w₆·h·L      z′ = log p
 *   a = softmax(−s·|x − xᵢ|²)      aₜ = softmax(−bₜ·s·|x − xᵢ|² − ageᵢ/t)      hᵢ = 1 if the leaf i holds the numbers, or 0
 *
 * Votes that fade with the number of later examples follow a change of concept at once and bend as all kept examples do; few
 * of them count, so each reaches farther.
 *
 * x is the base's own embedding, or its standardised input where the base has statistics. These are the statistics that
 * the kept examples and the heads were learned with: every version holds them beside the present ones. Leaves hold the numbers as
 * they were sent, so that trainer and server compare the same bits.
 *
 * Jacobs et al. (1991), "Adaptive mixtures of local experts", Neural Computation 3(1), with weights that do not depend on
 * the input.
 */
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { Base } from '../contracts/base.ts'
import type { Ops, ParameterSpec } from '../contracts/ops.ts'
import { experts } from '../contracts/policy.ts'
import { LEAST, memoryEmbedding, type MemoryPlan, NEVER, slotsFor } from './memory.ts'

const AGES = 'memory.ages'
/** Wider tables have no forest: each feature takes two tensors of a version. */
const MOST_FEATURES = 32
/** Room for leaves grows in steps. */
const LEAF_STEP = 128

/** Numbers in the votes of one version: with very many labels only the newest examples vote. */
const MOST_VOTES = 2 ** 20

/** Experts of kept examples: later examples after which a vote has faded to 1/e, and b, the part of the sharpness that is left. */
export const kernels = {
  knn: { events: Infinity, breadth: 1 },
  recent: { events: 100, breadth: 0.04 },
  latest: { events: 20, breadth: 0.1 },
} as const

/** The width of the vectors that examples are compared by. */
export function comparedWidth({ network }: Pick<Base, 'network'>): number {
  return network.compared?.width ?? network.width
}

/** How many leading numbers of a latent a forest reads; undefined if there is none on this base. */
export function forestWidth({ network }: Pick<Base, 'network'>): number | undefined {
  const numbers = network.compared?.numbers ?? Infinity
  return numbers <= MOST_FEATURES ? numbers : undefined
}

export function leafRoomFor(leaves: number): number {
  return Math.ceil(Math.max(1, leaves) / LEAF_STEP) * LEAF_STEP
}

export function mixtureSpecs(
  { base, slots, leaves = leafRoomFor(0) }: MemoryPlan,
  outputs: number,
): readonly ParameterSpec[] {
  const width = comparedWidth(base)
  const spec = (name: string, shape: readonly number[]): ParameterSpec => ({
    name,
    shape,
    start: 'zeros',
  })
  return [
    spec('memory.keys', [width, slots]),
    spec('memory.bias', [slots]),
    spec(AGES, [slots]),
    spec('memory.experts', [experts.length]),
    ...comparedStatistics(base).map(({ name, shape }) => spec(ofMemory(name), shape)),
    spec('votes.labels', [slots, outputs]),
    spec('votes.closed_form', [width, outputs]),
    spec('votes.closed_form_bias', [outputs]),
    spec('votes.fast', [width, outputs]),
    spec('votes.fast_bias', [outputs]),
    spec('votes.among', [outputs]),
    ...cornerNames(base).map((name) => spec(name, [leaves])),
    ...(forestWidth(base) === undefined ? [] : [spec(LEAVES, [leaves, outputs])]),
  ]
}

const LEAVES = 'votes.forest'

function cornerNames(base: Pick<Base, 'network'>): readonly string[] {
  const features = Array.from({ length: forestWidth(base) ?? 0 }, (_, feature) => feature)
  return features.flatMap((feature) => [lowName(feature), highName(feature)])
}

function lowName(feature: number): string {
  return `memory.forest_low.${feature}`
}

function highName(feature: number): string {
  return `memory.forest_high.${feature}`
}

function comparedStatistics({ network, statistics }: Base): readonly ParameterSpec[] {
  return network.compared === undefined ? [] : (statistics?.parameters ?? [])
}

function ofMemory(name: string): string {
  return `memory.${name}`
}

/** A linear head by columns: [outputs][width], and a bias for each. */
export interface LinearHead {
  readonly weight: ArrayLike<number>
  readonly bias: ArrayLike<number>
}

/** It holds x if low < x ≤ high for each number. */
export interface ForestLeaf {
  readonly low: Float32Array
  readonly high: Float32Array
  /** Its part of the probability of each output. */
  readonly shares: readonly number[]
}

export interface MixtureState {
  /** The place of each voting example, and the column that it votes for. */
  readonly kept: readonly { readonly x: Float32Array; readonly column: number }[]
  /** s */
  readonly sharpness: number
  /** Of the experts, in their order; those left out have none. */
  readonly weights: readonly number[]
  readonly closedForm: LinearHead | undefined
  readonly fast: LinearHead
  /** Undefined if the base has no forest. */
  readonly forest: { readonly width: number; readonly leaves: readonly ForestLeaf[] } | undefined
  /** The base's statistics when the examples were placed. */
  readonly statistics: Tensors
  /** Columns that may answer. */
  readonly among: readonly number[]
}

/** How many examples can vote for one of so many outputs. */
export function mostVoting(outputs: number): number {
  return Math.floor(MOST_VOTES / Math.max(1, outputs))
}

/** `slots`: room for the votes, at least one more than there are. */
export function mixtureTensors(
  state: MixtureState,
  { width, outputs, items }: { width: number; outputs: number; items: number },
): Tensors {
  const { kept, sharpness, statistics, among } = state
  const slots = slotsFor(items)
  const keys = empty(width, slots)
  const bias = new Float32Array(slots).fill(NEVER)
  const ages = new Float32Array(slots)
  const votes = empty(slots, outputs)
  for (const [slot, { x, column }] of kept.entries()) {
    let square = 0
    for (let row = 0; row < width; row += 1) {
      const value = x[row] ?? 0
      square += value * value
      keys.data[row * slots + slot] = 2 * sharpness * value
    }
    bias[slot] = -sharpness * square
    ages[slot] = kept.length - 1 - slot
    votes.data[slot * outputs + column] = 1
  }
  const vector = (data: Float32Array): Tensor => ({ shape: [data.length], data })
  const mask = new Float32Array(outputs)
  for (const column of among) mask[column] = 1
  const weights = new Float32Array(experts.length)
  weights.set(state.weights)
  const heads = { closed_form: state.closedForm, fast: state.fast }
  return new Map<string, Tensor>([
    ['memory.keys', keys],
    ['memory.bias', vector(bias)],
    [AGES, vector(ages)],
    ['memory.experts', vector(weights)],
    ...[...statistics].map(([name, tensor]) => [ofMemory(name), tensor] as const),
    ['votes.labels', votes],
    ...Object.entries(heads).flatMap(([name, head]): [string, Tensor][] => [
      [`votes.${name}`, turned(head?.weight ?? [], width, outputs)],
      [
        `votes.${name}_bias`,
        vector(Float32Array.from({ length: outputs }, (_, at) => head?.bias[at] ?? 0)),
      ],
    ]),
    ['votes.among', vector(mask)],
    ...(state.forest === undefined ? [] : forestTensors(state.forest, outputs)),
  ])
}

function forestTensors(
  { width, leaves }: NonNullable<MixtureState['forest']>,
  outputs: number,
): Tensors {
  const room = leafRoomFor(leaves.length)
  const shares = empty(room, outputs)
  for (const [leaf, own] of leaves.entries()) shares.data.set(own.shares, leaf * outputs)
  const corners = (
    name: (feature: number) => string,
    numberOf: (leaf: ForestLeaf, feature: number) => number,
  ) =>
    Array.from({ length: width }, (_, feature): [string, Tensor] => {
      const data = new Float32Array(room)
      for (const [at, leaf] of leaves.entries()) data[at] = numberOf(leaf, feature)
      return [name(feature), { shape: [room], data }]
    })
  return new Map<string, Tensor>([
    ...corners(lowName, ({ low }, feature) => nextAbove(low[feature] ?? 0)),
    ...corners(highName, ({ high }, feature) => Math.min(high[feature] ?? 0, LARGEST)),
    [LEAVES, shares],
  ])
}

const LARGEST = 3.4028234663852886e38
const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/** The least float32 above it. */
function nextAbove(value: number): number {
  if (value === -Infinity) return -LARGEST
  if (value === 0) return 2 ** -149
  float[0] = value
  bits[0] = (bits[0] ?? 0) + (value > 0 ? 1 : -1)
  return float[0]
}

/** A mixture in which only the adapter has a weight, with room for as much. `before` says which columns may answer. */
export function adapterAlone(plan: MemoryPlan, outputs: number, before: Tensors): Tensors {
  const specs = mixtureSpecs(plan, outputs).map(({ name, shape }): [string, Tensor] => [
    name,
    { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
  ])
  const tensors = new Map(specs)
  tensors.get('memory.experts')?.data.fill(1, 0, 1)
  const among = before.get('votes.among')
  return among === undefined ? tensors : tensors.set('votes.among', among)
}

/** The tensors of a version without the experts that an earlier release lacked: these have no weight. */
export function adoptedMixture(base: Pick<Base, 'network'>, tensors: Tensors): Tensors {
  const [weights, bias] = [tensors.get('memory.experts'), tensors.get('memory.bias')]
  if (weights === undefined || bias === undefined || weights.data.length === experts.length)
    return tensors
  const data = new Float32Array(experts.length)
  data.set(weights.data.subarray(0, data.length))
  const ages = { shape: bias.shape, data: new Float32Array(bias.data.length) }
  const [outputs = 0] = tensors.get('votes.among')?.shape ?? []
  const room = leafRoomFor(0)
  const corners = cornerNames(base).map((name): [string, Tensor] => [
    name,
    { shape: [room], data: new Float32Array(room) },
  ])
  return new Map([
    [AGES, ages],
    ...(corners.length === 0 ? [] : [...corners, [LEAVES, empty(room, outputs)] as const]),
    ...tensors,
    ['memory.experts', { shape: [data.length], data }],
  ])
}

interface MixtureInputs<T> {
  /** [b, 1, k], of the adapter's head. */
  readonly logits: T
  /** What is compared, [b, 1, width]. */
  readonly x: T
  /** The latent, [b, 1, numbers or more]. */
  readonly hidden: T
}

/** → the logits of the mixture. */
export function withMixture<T>(
  ops: Ops<T>,
  base: Pick<Base, 'network'>,
  { logits, x, hidden }: MixtureInputs<T>,
): T {
  const width = forestWidth(base)
  const barred = ops.mul(ops.sub(ops.param('votes.among'), ops.scalar(1)), ops.scalar(-NEVER))
  const shares = (z: T) => ops.softmax(ops.add(z, barred))
  const linear = (name: string) =>
    shares(ops.add(ops.matMul(x, ops.param(`votes.${name}`)), ops.param(`votes.${name}_bias`)))
  const scores = ops.add(ops.matMul(x, ops.param('memory.keys')), ops.param('memory.bias'))
  const voted = (z: T) => ops.matMul(ops.softmax(z), ops.param('votes.labels'))
  const faded = ({ events, breadth }: { readonly events: number; readonly breadth: number }) =>
    voted(
      ops.sub(
        ops.mul(scores, ops.scalar(breadth)),
        ops.mul(ops.param(AGES), ops.scalar(1 / events)),
      ),
    )
  const answers: Record<(typeof experts)[number], (() => T) | undefined> = {
    adapter: () => shares(logits),
    knn: () => voted(scores),
    recent: () => faded(kernels.recent),
    latest: () => faded(kernels.latest),
    closed_form: () => linear('closed_form'),
    fast: () => linear('fast'),
    forest: width === undefined ? undefined : () => forestShares(ops, hidden, width),
  }
  const weights = ops.param('memory.experts')
  const parts = experts.flatMap((expert, at) => {
    const answer = answers[expert]
    return answer === undefined ? [] : [ops.mul(answer(), ops.columns(weights, at, at + 1))]
  })
  const mixed = parts.reduce((sum, part) => ops.add(sum, part))
  return ops.log(ops.maximum(mixed, ops.scalar(LEAST)))
}

/** Far outside stays outside after two products with it, and the least difference becomes more than 1. */
const HUGE = 1e38

/** The sum over the leaves that hold the numbers. */
function forestShares<T>(ops: Ops<T>, hidden: T, width: number): T {
  const outside = Array.from({ length: width }, (_, feature) => {
    const x = ops.columns(hidden, feature, feature + 1)
    const [low, high] = [ops.param(lowName(feature)), ops.param(highName(feature))]
    return ops.maximum(ops.sub(low, x), ops.sub(x, high))
  })
  const farthest = ops.relu(outside.reduce((most, each) => ops.maximum(most, each)))
  const huge = ops.scalar(HUGE)
  const holds = ops.relu(ops.sub(ops.scalar(1), ops.mul(ops.mul(farthest, huge), huge)))
  return ops.matMul(holds, ops.param(LEAVES))
}

/** hidden [b, s, width at the cut] → what examples are compared by, [b, 1, width]. */
export function comparedInput<T>(
  ops: Ops<T>,
  { base, cut }: { readonly base: Base; readonly cut: number },
  hidden: T,
  mask: T,
): T {
  const { compared } = base.network
  if (compared === undefined) return memoryEmbedding(ops, { base, cut }, hidden, mask)
  const own = new Set(comparedStatistics(base).map(({ name }) => name))
  const param = (name: string) => ops.param(own.has(name) ? ofMemory(name) : name)
  return compared.of({ ...ops, param }, hidden)
}

function turned(columns: ArrayLike<number>, width: number, outputs: number): Tensor {
  const { shape, data } = empty(width, outputs)
  for (let at = 0; at < columns.length; at += 1)
    data[(at % width) * outputs + Math.floor(at / width)] = columns[at] ?? 0
  return { shape, data }
}

function empty(rows: number, columns: number): Tensor {
  return { shape: [rows, columns], data: new Float32Array(rows * columns) }
}
