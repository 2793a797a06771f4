/** The fields of a protobuf message that a stranger wrote, as they lie in the file: none is copied. */
import { failure } from '../../platform/errors.ts'
import type { Wire } from '../../nn/protobuf.ts'

export interface Field {
  readonly at: number
  /** Of a field with a length; otherwise empty. */
  readonly body: Uint8Array
  /** Of a whole number. */
  readonly value: bigint
  /** As it came, tag and all. */
  readonly raw: Uint8Array
}

/** What the messages of one file are read for. */
export interface OpenFile {
  readonly file: string
}

const EMPTY = new Uint8Array()
/** Of all the messages of a file: a tenth of it is a large network. A field takes some hundred bytes. */
const MOST_FIELDS = 250_000
const counted = new WeakMap<OpenFile, number>()

/** Throws BASE_INVALID, or BASE_UNSUPPORTED where it has read too many fields of the file. */
export function fieldsIn(message: Uint8Array, open: OpenFile): readonly Field[] {
  const { file } = open
  const fields: Field[] = []
  const before = counted.get(open) ?? 0
  let at = 0
  const torn = () => failure('BASE_INVALID', `${file} is cut off, or is no ONNX model`)
  const varint = () => {
    let [value, shift] = [0n, 0n]
    for (;;) {
      const byte = message[at]
      if (byte === undefined || shift > 63n) throw torn()
      at += 1
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
      shift += 7n
    }
  }
  while (at < message.length) {
    const start = at
    const tag = Number(varint())
    const kind = tag & 7
    let [value, body] = [0n, EMPTY as Uint8Array]
    if (kind === 0) value = varint()
    else if (kind === 1) at += 8
    else if (kind === 5) at += 4
    else if (kind === 2) {
      const length = Number(varint())
      body = message.subarray(at, at + length)
      at += length
    } else throw torn()
    if (at > message.length) throw torn()
    if (before + fields.length >= MOST_FIELDS)
      throw failure('BASE_UNSUPPORTED', `${file} has over ${MOST_FIELDS} fields and nodes`)
    fields.push({ at: Math.floor(tag / 8), body, value, raw: message.subarray(start, at) })
  }
  counted.set(open, before + fields.length)
  return fields
}

export function field(fields: readonly Field[], at: number): Field | undefined {
  return fields.findLast((each) => each.at === at)
}

/** '' if it is absent. */
export function words(fields: readonly Field[], at: number): string {
  return new TextDecoder().decode(field(fields, at)?.body)
}

/** 0 if it is absent. */
export function number(fields: readonly Field[], at: number): number {
  return Number(BigInt.asIntN(64, field(fields, at)?.value ?? 0n))
}

/** As it came. */
export function encoded({ raw }: Field): Wire {
  return [raw]
}
