/**
 * Cuts a batch into groups of like length, because every row of a group is padded to its longest, and padding costs as
 * much as text. More groups pad less and start more kernels; the cheapest cut of the sorted rows is found exactly.
 *
 *   cost(groups) = Σ (start + rows · longest)      in positions
 */
import type { Site } from '../contracts.ts'

/** Row numbers, shortest group first. `start` is the cost of one more group, in positions. */
export function lengthGroups(lengths: readonly number[], start: number): readonly number[][] {
  const order = lengths
    .map((_, row) => row)
    .sort((a, b) => at(lengths, a) - at(lengths, b) || a - b)
  if (!Number.isFinite(start)) return order.length === 0 ? [] : [order]
  // cheapest[end] = the best cost of order[0, end), and where its last group begins.
  const cheapest = [{ cost: 0, from: 0 }]
  for (let end = 1; end <= order.length; end += 1) {
    const longest = at(lengths, at(order, end - 1))
    let best = { cost: Infinity, from: 0 }
    for (let from = 0; from < end; from += 1) {
      const cost = (cheapest[from]?.cost ?? 0) + start + (end - from) * longest
      if (cost < best.cost) best = { cost, from }
    }
    cheapest.push(best)
  }
  const groups: number[][] = []
  for (let end = order.length; end > 0; end = cheapest[end]?.from ?? 0)
    groups.unshift(order.slice(cheapest[end]?.from ?? 0, end))
  return groups
}

/** Multiply-adds per position that take as long as starting one site's kernels; eager TensorFlow, one core. */
const SITE_START = 2e7

/** A tail without layers has no cost per position worth saving, and is never cut. */
export function groupStart(sites: readonly Site[], layers: number): number {
  const maps = sites.filter(({ kind, layer }) => kind === 'linear' && layer < layers)
  const work = maps.reduce((sum, { inSize, outSize }) => sum + inSize * outSize, 0)
  return maps.length === 0 ? Infinity : (SITE_START * maps.length) / work
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0
}
