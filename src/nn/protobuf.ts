/**
 * The protobuf wire format, as much of it as ONNX needs to be written. A message is a list of chunks, so that weights of many
 * megabytes are referred to until the whole is laid out once.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */

/** Chunks in order; laid side by side they are the encoding. */
export type Wire = readonly Uint8Array[]

/** An int32, int64, bool or enum field. Negative values take ten bytes, as two's complement of 64 bits. */
export function integer(field: number, value: number | bigint): Wire {
  return [tag(field, VARINT), varint(value)]
}

export function float32(field: number, value: number): Wire {
  return [tag(field, FIXED32), new Uint8Array(Float32Array.of(value).buffer)]
}

export function text(field: number, value: string): Wire {
  return bytes(field, new TextEncoder().encode(value))
}

/** `value` is kept by reference, not copied. */
export function bytes(field: number, value: Uint8Array): Wire {
  return [tag(field, DELIMITED), varint(value.byteLength), value]
}

export function message(field: number, ...parts: readonly Wire[]): Wire {
  const body = parts.flat()
  return [tag(field, DELIMITED), varint(byteLength(body)), ...body]
}

/** A repeated integer field in its packed form. */
export function packed(field: number, values: readonly number[]): Wire {
  return message(
    field,
    values.map((value) => varint(value)),
  )
}

/** Lays a message out in memory that worker threads share. */
export function layOut(wire: Wire): Uint8Array<SharedArrayBuffer> {
  const whole = new Uint8Array(new SharedArrayBuffer(byteLength(wire)))
  let offset = 0
  for (const chunk of wire) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}

const VARINT = 0
const DELIMITED = 2
const FIXED32 = 5

function tag(field: number, wireType: number): Uint8Array {
  return varint((field << 3) | wireType)
}

/** Seven bits a byte, lowest first; the top bit says that more follow. */
function varint(value: number | bigint): Uint8Array {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128)
  out.push(Number(rest))
  return Uint8Array.from(out)
}

function byteLength(wire: Wire): number {
  return wire.reduce((sum, chunk) => sum + chunk.byteLength, 0)
}
