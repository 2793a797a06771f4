/**
 * A mixture of experts that answer the same input: the adapter's head, kept examples, and two linear heads on what the
 * examples are compared by. Each counts by its weight, which is part of the version like everything else here.
 *
 *   p = w₀·softmax(z) + w₁·a·V + w₂·softmax(x·C + c) + w₃·softmax(x·F + f) + w₄·a₁₀₀·V + w₅·a₂₀·V      z′ = log p
 *   a = softmax(−s·|x − xᵢ|²)      aₜ = softmax(−bₜ·s·|x − xᵢ|² − ageᵢ/t)
 *
 * Votes that fade with the number of later examples follow a change of concept at once and bend as all kept examples do; few
 * of them count, so each reaches farther.
 *
 * x is the base's own embedding, or its standardised input where the base has statistics. These are the statistics that
 * the kept examples and the heads were learned with: every version holds them beside the present ones.
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

export function mixtureSpecs(
  { base, slots }: MemoryPlan,
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
  ]
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

export interface MixtureState {
  /** The place of each voting example, and the column that it votes for. */
  readonly kept: readonly { readonly x: Float32Array; readonly column: number }[]
  /** s */
  readonly sharpness: number
  readonly weights: readonly number[]
  readonly closedForm: LinearHead | undefined
  readonly fast: LinearHead
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
  const heads = { closed_form: state.closedForm, fast: state.fast }
  return new Map<string, Tensor>([
    ['memory.keys', keys],
    ['memory.bias', vector(bias)],
    [AGES, vector(ages)],
    ['memory.experts', vector(Float32Array.from(state.weights))],
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
  ])
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
export function adoptedMixture(tensors: Tensors): Tensors {
  const [weights, bias] = [tensors.get('memory.experts'), tensors.get('memory.bias')]
  if (weights === undefined || bias === undefined || tensors.has(AGES)) return tensors
  const data = new Float32Array(experts.length)
  data.set(weights.data.subarray(0, data.length))
  const ages = { shape: bias.shape, data: new Float32Array(bias.data.length) }
  return new Map([...tensors, ['memory.experts', { shape: [data.length], data }], [AGES, ages]])
}

/** logits [b, 1, k] of the adapter's head and what is compared [b, 1, width] → the logits of the mixture. */
export function withMixture<T>(ops: Ops<T>, logits: T, x: T): T {
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
  const answers: Record<(typeof experts)[number], () => T> = {
    adapter: () => shares(logits),
    knn: () => voted(scores),
    recent: () => faded(kernels.recent),
    latest: () => faded(kernels.latest),
    closed_form: () => linear('closed_form'),
    fast: () => linear('fast'),
  }
  const weights = ops.param('memory.experts')
  const parts = experts.map((expert, at) =>
    ops.mul(answers[expert](), ops.columns(weights, at, at + 1)),
  )
  const mixed = parts.reduce((sum, part) => ops.add(sum, part))
  return ops.log(ops.maximum(mixed, ops.scalar(LEAST)))
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
