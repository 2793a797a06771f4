/** Reads the little-endian values of a GGUF file one after the other, and never beyond its end. */
import { failure } from '../../platform/errors.ts'

export interface Cursor {
  at(): number
  /** Bytes that were not read yet. */
  left(): number
  /** An unsigned integer of 1, 2 or 4 bytes. */
  integer(bytes: 1 | 2 | 4): number
  /** An unsigned integer of 8 bytes that counts something, so it must be a safe number. */
  count(of: string): number
  text(what: string): string
  /** A number or boolean, by its type in the file. */
  scalar(type: number, key: string): number | bigint | boolean
}

const MOST_TEXT = 1 << 20

export function openCursor(bytes: Uint8Array): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder()
  let at = 0
  const take = (size: number): number => {
    const from = at
    if (size > bytes.length - from) throw invalid('it ends inside its header')
    at += size
    return from
  }
  const count = (of: string): number => {
    const value = view.getBigUint64(take(8), true)
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    throw invalid(`${value} is no size of ${of}`)
  }
  const scalars: Readonly<Record<number, () => number | bigint | boolean>> = {
    0: () => view.getUint8(take(1)),
    1: () => view.getInt8(take(1)),
    2: () => view.getUint16(take(2), true),
    3: () => view.getInt16(take(2), true),
    4: () => view.getUint32(take(4), true),
    5: () => view.getInt32(take(4), true),
    6: () => view.getFloat32(take(4), true),
    7: () => view.getUint8(take(1)) === 1,
    10: () => view.getBigUint64(take(8), true),
    11: () => view.getBigInt64(take(8), true),
    12: () => view.getFloat64(take(8), true),
  }
  return {
    at: () => at,
    left: () => bytes.length - at,
    integer(size) {
      const from = take(size)
      if (size === 1) return view.getUint8(from)
      return size === 2 ? view.getUint16(from, true) : view.getUint32(from, true)
    },
    count,
    text(what) {
      const length = count(what)
      if (length > MOST_TEXT) throw invalid(`${what} claims ${length} bytes`)
      const from = take(length)
      return decoder.decode(bytes.subarray(from, from + length))
    },
    scalar(type, key) {
      const read = scalars[type]
      if (read === undefined) throw invalid(`${key} has the unknown type ${type}`)
      return read()
    },
  }
}

function invalid(what: string): Error {
  return failure('GGUF_INVALID', `the GGUF file is invalid: ${what}`)
}
