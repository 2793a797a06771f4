/**
 * The rows on which a candidate and the live version are scored: the same for both, bounded, and unchanged by a
 * restart. Held-out rows, which are never trained on, come first. If there are none, rows of the replay buffer are
 * used: both versions may have learned them, so they compare how well old skills are kept, and none belongs to the
 * block that only the candidate knows.
 */
import type { RowOrigin } from '../contracts/policy.ts'
import type { Example } from '../contracts/task.ts'

/** More rows add little precision, and each takes a forward pass. */
const MOST_ROWS = 200

export interface GateRows {
  readonly from: RowOrigin
  readonly rows: readonly Example[]
}

export function gateRows(
  heldOut: readonly Example[],
  remembered: readonly Example[],
  block: readonly Example[],
): GateRows {
  if (heldOut.length > 0) return { from: 'held-out', rows: chosen(heldOut) }
  const isNew = new Set(block.map(({ key }) => key))
  const rows = chosen(remembered.filter(({ key }) => !isNew.has(key)))
  return { from: rows.length > 0 ? 'replay' : 'none', rows }
}

/** Evenly over all of them, in an order that does not depend on how they were loaded. */
function chosen(examples: readonly Example[]): readonly Example[] {
  const sorted = examples.toSorted((one, other) =>
    one.key < other.key ? -1 : Number(one.key > other.key),
  )
  const step = Math.max(1, sorted.length / MOST_ROWS)
  const places = Array.from({ length: Math.min(MOST_ROWS, sorted.length) }, (_, at) => at * step)
  return places.flatMap((place) => sorted[Math.floor(place)] ?? [])
}
