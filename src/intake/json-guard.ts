/**
 * Bytes of strangers to JSON that is safe to walk: small, UTF-8, shallow, and without keys that reach into prototypes.
 * The checks stand in the order of their cost, and the depth is counted before anything recurses.
 */
import type { CodedError, Json } from '../contracts.ts'
import { below, refuse } from './refuse.ts'

export interface JsonLimits {
  readonly bytes: number
  readonly depth: number
}

/** `what` chooses the codes: EVENT_MALFORMED or BODY_MALFORMED, EVENT_TOO_LARGE or BODY_TOO_LARGE. */
export function parseJson(
  bytes: Uint8Array,
  limits: JsonLimits,
  what: 'EVENT' | 'BODY' = 'EVENT',
): Json {
  if (bytes.byteLength > limits.bytes) {
    const sizes = `${bytes.byteLength} bytes, at most ${limits.bytes}`
    throw refuse(`${what}_TOO_LARGE`, '', sizes)
  }
  const text = decode(bytes, what)
  checkDepth(text, limits.depth)
  const value = parse(text, what)
  checkKeys(value, '')
  return value
}

function decode(bytes: Uint8Array, what: 'EVENT' | 'BODY'): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refuse(`${what}_MALFORMED`, '', 'it is not valid UTF-8')
  }
}

function parse(text: string, what: 'EVENT' | 'BODY'): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it is not JSON'
    throw refuse(`${what}_MALFORMED`, '', why)
  }
}

/** Counts brackets outside of strings; what is no JSON at all is found by the parser afterwards. */
function checkDepth(text: string, most: number): void {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (inString && character === '\\') at += 1
    else if (character === '"') inString = !inString
    else if (inString) continue
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
    if (depth > most) throw refuse('EVENT_TOO_DEEP', '', `nested deeper than ${most} levels`)
  }
}

const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** After parsing, so that an escaped key is seen as what it is. */
function checkKeys(value: Json, pointer: string): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) {
    if (forbidden.has(key) && !Array.isArray(value)) throw forbiddenKey(pointer, key)
    checkKeys(member, below(pointer, key))
  }
}

function forbiddenKey(pointer: string, key: string): CodedError {
  return refuse('EVENT_FORBIDDEN_KEY', below(pointer, key), 'this key is not allowed')
}
