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

interface BoundUpdate {
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
  const learning = learningNames(after, new Set(statistics))
  const factor = factorOf(before, after, learning, most)
  return factor === undefined ? undefined : scaled(before, after, learning, factor)
}

/** The same for sums that belong together: all of them are scaled as the one that moved furthest for its length. */
export function boundSums(
  before: TrainableState,
  after: TrainableState,
  most: number,
): BoundUpdate | undefined {
  const names = [...after.tensors.keys()]
  const factors = names.flatMap((name) => factorOf(before, after, [name], most) ?? [])
  return factors.length === 0 ? undefined : scaled(before, after, names, Math.min(...factors))
}

/** Undefined if these tensors are within the bound together, or cannot be compared. */
function factorOf(
  before: TrainableState,
  after: TrainableState,
  names: readonly string[],
  most: number,
): number | undefined {
  if (before.steps < FIRST_STEPS || after.steps < before.steps) return undefined
  let [length, moved] = [0, 0]
  for (const name of names) {
    const [from, to] = [before.tensors.get(name), after.tensors.get(name)]
    if (from?.data.length !== to?.data.length || from === undefined || to === undefined)
      return undefined
    for (const [at, value] of from.data.entries()) {
      length += value ** 2
      moved += ((to.data[at] ?? 0) - value) ** 2
    }
  }
  const factor = moved === 0 ? 1 : (most * Math.sqrt(length)) / Math.sqrt(moved)
  return factor >= 1 || length === 0 ? undefined : factor
}

function scaled(
  before: TrainableState,
  after: TrainableState,
  names: readonly string[],
  factor: number,
): BoundUpdate {
  const tensors = new Map(after.tensors)
  for (const name of names) {
    const [from, to] = [before.tensors.get(name), after.tensors.get(name)]
    if (from !== undefined && to?.data.length === from.data.length)
      tensors.set(name, between(from, to, factor))
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
