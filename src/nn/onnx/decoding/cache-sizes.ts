/** Sizes of a key-value cache. Apart from the cache: the scheduler counts with them, in a process that may have no runtime. */

/** Positions are read with the room behind them, so there is little of it. */
const POSITIONS = 64

/** Rows that are allocated for so many: powers of two, so that growing copies seldom. */
export function rowsFor(sequences: number): number {
  return sequences === 0 ? 0 : 2 ** Math.ceil(Math.log2(sequences))
}

export function capacityFor(positions: number): number {
  return Math.ceil(positions / POSITIONS) * POSITIONS
}
