/**
 * The rows on which a candidate and the live version are compared: bounded, and unchanged by a restart. Held-out rows,
 * which are never trained on, come first. If there are none, rows of the replay buffer are used: both versions may have
 * learned them, so they compare how well old skills are kept, and none belongs to the block that only the candidate
 * knows.
 */
import type { RowOrigin } from '../contracts/release.ts'
import type { Example } from '../contracts/example.ts'

/** More rows add little precision, and each takes a forward pass. */
const MOST_REPLAYED = 200
const MOST_HELD_OUT = 1000

/** The most that comparing a candidate may cost, as a fraction of the cost of its update. */
const SHARE_OF_UPDATE = 0.2

/** A step goes forward and backward, which takes about three times as long as forward alone. */
const STEP_COST = 3

export interface GateRows {
  readonly from: RowOrigin
  readonly rows: readonly Example[]
}

/** `heldOut` comes in a random order that stays the same. */
export function gateRows(
  heldOut: readonly Example[],
  remembered: readonly Example[],
  block: readonly Example[],
): GateRows {
  if (heldOut.length > 0) return { from: 'held-out', rows: heldOut.slice(0, MOST_HELD_OUT) }
  const isNew = new Set(block.map(({ key }) => key))
  const rows = chosen(remembered.filter(({ key }) => !isNew.has(key)))
  return { from: rows.length > 0 ? 'replay' : 'none', rows }
}

/** The cost of one row, in any unit: below the cut, which is computed once, and above it, for each version. */
export interface RowCost {
  readonly trunk: number
  readonly tail: number
}

export interface UpdateSize {
  /** New examples. */
  readonly learned: number
  /** Rows of all its steps, replayed ones too. */
  readonly stepRows: number
}

/** How many rows may go forward for a comparison: counted, so that it is the same after a crash and on any machine. */
export function rowBudget({ learned, stepRows }: UpdateSize, cost: RowCost | undefined): number {
  if (cost === undefined) return Infinity
  const update = STEP_COST * cost.tail * stepRows + cost.trunk * learned
  return Math.max(1, Math.floor((SHARE_OF_UPDATE * update) / cost.tail))
}

/** The rows that may be answered now: first those with the oldest answers. `costOf` counts forward passes. */
export function nextRows<Row>(
  rows: readonly Row[],
  { budget, answeredBy }: { readonly budget: number; readonly answeredBy: (row: Row) => number },
  costOf: (row: Row) => number = () => 1,
): readonly Row[] {
  const oldestFirst = rows.toSorted((one, other) => answeredBy(one) - answeredBy(other))
  const picked: Row[] = []
  let left = budget
  for (const row of oldestFirst) {
    left -= costOf(row)
    if (left < 0 && picked.length > 0) break
    picked.push(row)
  }
  return picked
}

/** Evenly over all of them, in an order that does not depend on how they were loaded. */
function chosen(examples: readonly Example[]): readonly Example[] {
  const sorted = examples.toSorted((one, other) =>
    one.key < other.key ? -1 : Number(one.key > other.key),
  )
  const step = Math.max(1, sorted.length / MOST_REPLAYED)
  const places = Array.from(
    { length: Math.min(MOST_REPLAYED, sorted.length) },
    (_, at) => at * step,
  )
  return places.flatMap((place) => sorted[Math.floor(place)] ?? [])
}
