/**
 * Cuts a batch into groups of like length, because every row of a group is padded to its longest, and padding costs as
 * much as text. More groups pad less and start more kernels; the cheapest cut of the sorted rows is found exactly.
 *
 *   padded: cost(groups) = Σ (START + rows · longest)                  in positions
 *   packed: cost(groups) = Σ (START + rows · longest² / SQUARE)        only attention is padded
 */

/**
 * The cost of one more group, in positions: its kernels start and read all weights again. Measured on one core for LoRA
 * on every map of use-lite: 55 ms a group and 0.2 ms a position.
 */
const START = 256

/** So many entries of a row's attention cost as much as a position does elsewhere. */
const SQUARE = 1024

/** Row numbers, shortest group first. */
export function lengthGroups(lengths: readonly number[]): readonly number[][] {
  return cheapestCut(lengths, (rows, longest) => START + rows * longest)
}

/** For rows that are padded only in attention: fewer groups, and only one where all are short. */
export function packedGroups(lengths: readonly number[]): readonly number[][] {
  return cheapestCut(lengths, (rows, longest) => START + (rows * longest ** 2) / SQUARE)
}

function cheapestCut(
  lengths: readonly number[],
  costOf: (rows: number, longest: number) => number,
): readonly number[][] {
  const order = lengths
    .map((_, row) => row)
    .sort((a, b) => at(lengths, a) - at(lengths, b) || a - b)
  const isOneLength = at(lengths, order[0] ?? 0) === at(lengths, order.at(-1) ?? 0)
  if (isOneLength) return order.length === 0 ? [] : [order]
  // cheapest[end] = the best cost of order[0, end), and where its last group begins.
  const cheapest = [{ cost: 0, from: 0 }]
  for (let end = 1; end <= order.length; end += 1) {
    const longest = at(lengths, at(order, end - 1))
    let best = { cost: Infinity, from: 0 }
    for (let from = 0; from < end; from += 1) {
      const cost = (cheapest[from]?.cost ?? 0) + costOf(end - from, longest)
      if (cost < best.cost) best = { cost, from }
    }
    cheapest.push(best)
  }
  const groups: number[][] = []
  for (let end = order.length; end > 0; end = cheapest[end]?.from ?? 0)
    groups.unshift(order.slice(cheapest[end]?.from ?? 0, end))
  return groups
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0
}
