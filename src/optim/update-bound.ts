/**
 * The bound on a version: an update that moves the weights further than a part of their length is scaled back, so that
 * no block, however poisoned, changes a model at once.
 *
 *   θ ← θ₀ + min(1, most · ‖θ₀‖ / ‖θ − θ₀‖) · (θ − θ₀)
 *
 * The same as clipping the difference by norm, as servers of federated learning do with what clients send: Sun et al.
 * (2019), "Can you really backdoor federated learning?".
 */
import type { TrainableState } from '../contracts/adapter.ts'
import type { Tensor } from '../contracts/core.ts'

/** Weights that begin at zero have no length to compare with. */
const FIRST_STEPS = 20

export interface BoundUpdate {
  readonly state: TrainableState
  /** The factor that the update was scaled by, below 1. */
  readonly factor: number
}

/**
 * Undefined if it is within the bound, or if the two cannot be compared: another adapter, or more outputs. `statistics`:
 * names of tensors that no step moves; they stay as they are.
 */
export function boundUpdate(
  before: TrainableState,
  after: TrainableState,
  most: number,
  statistics: Iterable<string> = [],
): BoundUpdate | undefined {
  if (before.steps < FIRST_STEPS || after.steps < before.steps) return undefined
  const learning = learningNames(after, new Set(statistics))
  const pairs = learning.map((name) => [before.tensors.get(name), after.tensors.get(name)] as const)
  let [length, moved] = [0, 0]
  for (const [from, to] of pairs) {
    if (from?.data.length !== to?.data.length || from === undefined || to === undefined)
      return undefined
    for (const [at, value] of from.data.entries()) {
      length += value ** 2
      moved += ((to.data[at] ?? 0) - value) ** 2
    }
  }
  const factor = moved === 0 ? 1 : (most * Math.sqrt(length)) / Math.sqrt(moved)
  if (factor >= 1 || length === 0) return undefined
  const tensors = new Map(after.tensors)
  for (const [at, name] of learning.entries()) {
    const [from, to] = pairs[at] ?? []
    if (from !== undefined && to !== undefined) tensors.set(name, between(from, to, factor))
  }
  return { state: { ...after, tensors }, factor }
}

/** Not what optimizer and regularizer remember. Plain SGD remembers nothing, so that no moments tell what it moves. */
function learningNames(
  { tensors }: TrainableState,
  statistics: ReadonlySet<string>,
): readonly string[] {
  return [...tensors.keys()]
    .filter((name) => !/^(optimizer|forgetting)\//.test(name) && !statistics.has(name))
    .toSorted()
}

function between(from: Tensor, to: Tensor, factor: number): Tensor {
  const data = from.data.map((value, at) => value + factor * ((to.data[at] ?? 0) - value))
  return { shape: to.shape, data }
}
