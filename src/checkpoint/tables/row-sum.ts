/**
 * A checksum for each row of the checkpoint. SQLite notices a page that makes no sense, and not one flipped bit in a
 * weight, a position or an example: without a checksum it would be learned on, and published with a valid digest.
 *
 * CRC-32 over every value that the row was written with, each with its kind and length. Rows from before there were
 * checksums have none, and are taken as they are.
 */
import { crc32 } from 'node:zlib'
import { failure } from '../../platform/errors.ts'
import type { Row, Value } from '../../platform/store/row.ts'

export function rowSum(...values: readonly Value[]): number {
  return values.reduce<number>((sum, value) => {
    if (value instanceof Uint8Array) return crc32(value, crc32(`b${value.byteLength} `, sum))
    if (typeof value === 'string') return crc32(value, crc32(`t${value.length} `, sum))
    return crc32(value === null ? 'n ' : `d${value} `, sum)
  }, 0)
}

/** Without the last values that rows from before they existed do not have, at most `added`, so that these keep their sums. */
export function summedValues(values: readonly Value[], added = 1): readonly Value[] {
  const isShort = added > 0 && values.at(-1) === null
  return isShort ? summedValues(values.slice(0, -1), added - 1) : values
}

/** A row with its checksum appended. */
export function summed(values: readonly Value[]): readonly Value[] {
  return [...values, rowSum(...values)]
}

/** Throws STORE_CORRUPT. `what` names the row; `column` is where its sum is. */
export function checkRow(
  row: Row,
  place: { readonly path: string; readonly what: string; readonly column?: string },
  ...values: readonly Value[]
): void {
  const { path, what, column = 'sum' } = place
  const sum = row.numberOrNull(column)
  if (sum === null || sum === rowSum(...values)) return
  throw failure('STORE_CORRUPT', `${path}: ${what} is damaged: its checksum is another`, {
    details: { path, what },
  })
}
