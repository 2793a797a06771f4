/** Sizes of a key-value cache. Apart from the cache: the scheduler counts with them, in a process that may have no runtime. */
const LEAST_CAPACITY = 64

/** Rows and positions that are allocated for so many: powers of two, so that growing copies seldom. */
export function rowsFor(sequences: number): number {
  return sequences === 0 ? 0 : 2 ** Math.ceil(Math.log2(sequences))
}

export function capacityFor(positions: number): number {
  return positions === 0 ? 0 : Math.max(LEAST_CAPACITY, 2 ** Math.ceil(Math.log2(positions)))
}
