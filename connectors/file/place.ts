/**
 * A place in a file as the checkpoint stores it: `1234@<head>.<tail>`, the byte offset and hashes of the file's first
 * bytes and of the bytes just before the place. Different content under the same path has different hashes. A place of
 * an older release is the offset alone.
 */
import { createHash } from 'node:crypto'
import { CodedError } from '../../src/contracts/core.ts'

export interface Place {
  readonly offset: number
  readonly print?: string | undefined
}

export const HEAD_BYTES = 1024
export const TAIL_BYTES = 256

export function printOf(head: Uint8Array, tail: Uint8Array): string {
  return `${hashOf(head)}.${hashOf(tail)}`
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12)
}

export function placeText({ offset, print }: Place): string {
  return print === undefined || offset === 0 ? String(offset) : `${offset}@${print}`
}

/** Undefined for a position that is not one in a file. */
export function placeIn(text: string): Place | undefined {
  const [, offset, print] = /^(\d{1,16})(?:@([\da-f]{12}\.[\da-f]{12}))?$/.exec(text) ?? []
  if (offset === undefined || !Number.isSafeInteger(Number(offset))) return undefined
  return { offset: Number(offset), print }
}

export function placeOf(text: string, path: string): Place {
  const place = placeIn(text)
  if (place !== undefined) return place
  const details = { path, position: text }
  throw new CodedError('SOURCE_MISSING', `${path}: "${text}" is not a place in a file`, { details })
}
