/**
 * The input of a head: every position of the tail, or the pooled embedding. Both engines, and every view of a base,
 * come through here, so that no two disagree about where pooling happens.
 */
import type { Adaptation, EncodedRow, Latent, Network, TargetModule } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import type { TaskHead } from '../contracts/task.ts'
import { positionsOf } from '../payloads/rows.ts'

interface Place<T> {
  readonly hidden: T
  readonly mask: T
  readonly cut: number
  readonly adaptation: Adaptation<T>
}

/** hidden [b, s, width at the cut] → [b, s, w] for a task that reads positions, else [b, 1, width]. */
export function headInput<T>(
  ops: Ops<T>,
  network: Network,
  reads: TaskHead['reads'],
  { hidden, mask, cut, adaptation }: Place<T>,
): T {
  const positions = network.tail(ops, hidden, mask, cut, adaptation)
  return reads === 'positions' ? positions : network.pool(ops, positions, mask, adaptation)
}

/** hidden [b, s, width at the cut] → the outputs of the head [b, 1, k], or [b, s, k] for a task that reads positions. */
export function headOutputs<T>(
  ops: Ops<T>,
  network: Network,
  head: Pick<TaskHead, 'reads' | 'logits'>,
  place: Place<T>,
): T {
  const isPicked = network.picks !== undefined && head.reads === 'pooled'
  const input = headInput(ops, network, isPicked ? 'positions' : head.reads, place)
  const outputs = head.logits(ops, input, network.unit)
  return isPicked ? ops.maskedMax(outputs, place.mask) : outputs
}

/** The target modules of the tail on the way to the head: a task that reads positions does not come to those of pooling. */
export function reachedSites(
  network: Network,
  cut: number,
  reads: TaskHead['reads'] | undefined,
): readonly TargetModule[] {
  const sites = network.sites(cut)
  return reads === 'positions' ? sites.filter(({ layer }) => layer < network.layers) : sites
}

/** How many times a row has the outputs of its head: once, or for each of its positions. */
export function outputPositions(reads: TaskHead['reads'], row: EncodedRow | Latent): number {
  if (reads !== 'positions') return 1
  return 'width' in row ? row.positions : positionsOf(row)
}

/** Of outputs [positions, k] the first `count` of each position. */
export function leadingOutputs(
  outputs: Float32Array,
  count: number,
  positions: number,
): Float32Array {
  const own = outputs.length / positions
  if (own <= count) return outputs
  if (positions === 1) return outputs.subarray(0, count)
  const leading = new Float32Array(positions * count)
  for (let at = 0; at < positions; at += 1)
    leading.set(outputs.subarray(at * own, at * own + count), at * count)
  return leading
}

/** hidden [b, s, width at the cut] → the pooled embedding [b, 1, width], whatever the task reads. */
export function embeddingOf<T>(ops: Ops<T>, network: Network, place: Place<T>): T {
  return headInput(ops, network, 'pooled', place)
}

/**
 * The network without an adapter: for the trunk, and for modules that a method leaves unchanged.
 */
export function unadapted<T>(): Adaptation<T> {
  return {
    linear: (_site, _x, _weight, _bias, plain) => plain(),
    norm: (_site, scale, bias, apply) => apply(scale, bias),
    output: (_site, hidden) => hidden,
  }
}

/** Whether a network returns what it is given. Found out by handing it operations that can do nothing. */
export function isUntouched(run: (ops: Ops<symbol>, input: symbol) => symbol): boolean {
  const input = Symbol('input')
  try {
    return run(noOps, input) === input
  } catch (error) {
    if (error === operated) return false
    throw error
  }
}

const operated = new Error('the network computes something')

const noOps = new Proxy({} as Ops<symbol>, {
  get: () => () => {
    throw operated
  },
})
