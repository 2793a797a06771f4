/**
 * Cuts a batch into runs: rows of one family and one padded length together, and no run so large that a small one waits
 * long behind it.
 *
 * A row is always padded to the next multiple of four, independent of the other rows. So its sums are computed in the
 * same order at any load, and the same version gives the same bits for the same input. That costs nothing: padding
 * everything to the longest row is slower than several runs of similar rows.
 */
import type { EncodedRow } from '../../contracts/network.ts'
import { paddedPositions } from '../../nn/onnx/feeds.ts'

export interface PlannedRow {
  readonly adapter: string
  readonly encoded: EncodedRow
}

export interface PlannedRun {
  readonly positions: number
  /** Each row with its place in the batch. */
  readonly rows: readonly (PlannedRow & { readonly place: number })[]
}

/** Rows × positions of one run: larger runs are no faster, and make others wait. */
export const MOST_POSITIONS = 256

/** `familyOf` an adapter: all of one family have one graph and one shape of every tensor. */
export function planRuns(
  rows: readonly PlannedRow[],
  familyOf: (adapter: string) => string,
): readonly PlannedRun[] {
  const groups = new Map<string, { positions: number; rows: PlannedRun['rows'][number][] }>()
  rows.forEach((row, place) => {
    const positions = paddedPositions(row.encoded)
    const name = `${positions} ${familyOf(row.adapter)}`
    const group = groups.get(name) ?? { positions, rows: [] }
    groups.set(name, group)
    group.rows.push({ ...row, place })
  })
  return [...groups.values()].flatMap(split)
}

function split({ positions, rows }: PlannedRun): readonly PlannedRun[] {
  const most = Math.max(1, Math.floor(MOST_POSITIONS / positions))
  const count = Math.ceil(rows.length / most)
  return Array.from({ length: count }, (_, at) => ({
    positions,
    rows: rows.slice(at * most, (at + 1) * most),
  }))
}
