/**
 * Reads the JSON header of a safetensors file. Duplicate keys, which JSON.parse would resolve silently, are refused:
 * two readers must never see two different files.
 */
import { failure } from '../../platform/errors.ts'
import { duplicateKey } from './duplicate-key.ts'

export interface HeaderEntry {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** Offsets into the bytes after the header. */
  readonly from: number
  readonly to: number
}

export interface Header {
  readonly entries: readonly HeaderEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

const dtypeBytes: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

export function parseHeader(bytes: Uint8Array): Header {
  const members = Object.entries(parseObject(bytes))
  const metadata = members.find(([name]) => name === '__metadata__')?.[1]
  const tensors = members.filter(([name]) => name !== '__metadata__')
  return {
    entries: tensors.map(([name, value]) => entryOf(name, value)),
    metadata: texts(metadata ?? {}),
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  const text = decode(bytes)
  if (!text.startsWith('{')) throw invalid('the header does not begin with {')
  const value: unknown = parse(text)
  if (!isObject(value)) throw invalid('the header is not an object')
  const twice = duplicateKey(text)
  if (twice !== undefined) throw invalid(`the key ${JSON.stringify(twice)} occurs twice`)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw invalid('the header is not UTF-8', cause)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid('the header is not JSON', cause)
  }
}

function entryOf(name: string, value: unknown): HeaderEntry {
  if (!isObject(value)) throw invalid(`${name} is not described by an object`)
  const { dtype, shape, data_offsets: offsets, ...others } = value
  const other = Object.keys(others)[0]
  if (other !== undefined) throw invalid(`${name} has the unknown field ${other}`)
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype))
    throw invalid(`${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  if (!isCounts(shape)) throw invalid(`${name} has no valid shape`)
  if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`${name} has no valid data_offsets`)
  const [from = 0, to = 0] = offsets
  checkSize(name, shape, dtypeBytes[dtype] ?? 0, to - from)
  return { name, dtype, shape, from, to }
}

/** In exact integers: a product that overflows must not happen to equal the size. */
function checkSize(name: string, shape: readonly number[], itemBytes: number, held: number): void {
  const needed = shape.reduce((product, size) => product * BigInt(size), BigInt(itemBytes))
  if (needed !== BigInt(held))
    throw invalid(`${name} needs ${needed} bytes for its shape [${shape.join()}], but has ${held}`)
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) throw invalid('__metadata__ is not an object')
  for (const [name, text] of Object.entries(value))
    if (typeof text !== 'string') throw invalid(`__metadata__.${name} is not text`)
  return value as Readonly<Record<string, string>>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((part) => Number.isSafeInteger(part) && part >= 0)
}

function invalid(what: string, cause?: unknown): Error {
  return failure('SAFETENSORS_INVALID', `the safetensors file is invalid: ${what}`, { cause })
}
