/** Rows in the form that the graphs read: side by side, padded to one length, with a mask for the real positions. */
import { hasIds, idsOf, positionsOf, valuesOf } from '../../payloads/rows.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'
import type { Feeds } from './session.ts'

const LENGTH_STEP = 4

/** The positions of a row in a server's run: with padding to whole steps. A vector has one position, and no padding. */
export function paddedPositions(row: EncodedRow): number {
  if (!hasIds(row)) return 1
  return Math.ceil(positionsOf(row) / LENGTH_STEP) * LENGTH_STEP
}

/** `ids` [b, positions] or `values` [b, 1, width], and `mask` [b, positions]. All rows are of one kind. */
export function feedsOf(rows: readonly EncodedRow[], positions: number): Feeds {
  const shape = [rows.length, positions]
  const mask = new Float32Array(rows.length * positions)
  rows.forEach((row, at) => {
    mask.fill(1, at * positions, at * positions + positionsOf(row))
  })
  const [first] = rows
  invariant(first, 'a run has at least one row')
  return hasIds(first)
    ? { mask: { shape, data: mask }, ids: { shape, data: tokenIds(rows, positions) } }
    : { mask: { shape, data: mask }, values: vectors(rows, first.data.length) }
}

function tokenIds(rows: readonly EncodedRow[], positions: number): Int32Array {
  const ids = new Int32Array(rows.length * positions)
  rows.forEach((row, at) => {
    ids.set(idsOf(row), at * positions)
  })
  return ids
}

function vectors(rows: readonly EncodedRow[], width: number) {
  const data = new Float32Array(rows.length * width)
  rows.forEach((row, at) => {
    const values = valuesOf(row)
    invariant(values.length === width, 'vectors of different widths in one run')
    data.set(values, at * width)
  })
  return { shape: [rows.length, 1, width], data }
}
