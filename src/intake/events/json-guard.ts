/**
 * Converts untrusted bytes to JSON that is safe to walk: small, UTF-8, shallow, and without keys that reach into
 * prototypes. The checks are ordered by cost, and the depth is counted before anything recurses.
 */
import type { CodedError, Json } from '../../contracts/core.ts'
import { below, refuse } from '../../payloads/reading.ts'

export interface JsonLimits {
  readonly bytes: number
  readonly depth: number
}

/** `what` selects the codes: EVENT_MALFORMED or BODY_MALFORMED, EVENT_TOO_LARGE or BODY_TOO_LARGE. */
export function parseJson(
  bytes: Uint8Array,
  limits: JsonLimits,
  what: 'EVENT' | 'BODY' = 'EVENT',
): Json {
  checkBytes(bytes, limits, what)
  const text = decode(bytes, what)
  checkDepth(text, limits.depth)
  const value = parse(text, what)
  if (!suspicious.test(text)) return value
  const forbiddenAt = forbiddenPath(value)
  if (forbiddenAt !== undefined) throw forbiddenKey(forbiddenAt)
  return value
}

export function checkBytes(
  { byteLength }: Uint8Array,
  { bytes: most }: Pick<JsonLimits, 'bytes'>,
  what: 'EVENT' | 'BODY' = 'EVENT',
): void {
  if (byteLength > most)
    throw refuse(`${what}_TOO_LARGE`, '', `${byteLength} bytes, at most ${most}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Checks for a byte order mark, or for a zero in every other byte, which ASCII has in UTF-16. */
function looksLikeUtf16([first = 1, second = 1, third = 1, fourth = 1]: Uint8Array): boolean {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  return hasMark || (second === 0 && fourth === 0) || (first === 0 && third === 0)
}

const utf16Fix = 'convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8'

function decode(bytes: Uint8Array, what: 'EVENT' | 'BODY'): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw looksLikeUtf16(bytes)
      ? refuse(`${what}_MALFORMED`, '', 'it looks like UTF-16', utf16Fix)
      : refuse(`${what}_MALFORMED`, '', 'it is not valid UTF-8', 'write the text as UTF-8')
  }
}

function parse(text: string, what: 'EVENT' | 'BODY'): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it is not JSON'
    throw refuse(`${what}_MALFORMED`, '', why, fixFor(text))
  }
}

/** Common mistakes instead of JSON. */
function fixFor(text: string): string | undefined {
  if (looksLikeUtf16(new TextEncoder().encode(text.slice(0, 4)))) return utf16Fix
  if (/^\s*\{\s*'/.test(text))
    return 'JSON has double quotes: print it with json.dumps, not with str'
  if (/^[^{}[\]]*[,;\t][^{}[\]]*$/.test(text.slice(0, 1000)))
    return 'this looks like CSV: send it with `antikythera feedback --file data.csv`, or write each row as a JSON object'
  if (/^\s*[[{]/.test(text) && !/[\]}]\s*$/.test(text))
    return 'it ends too early: write each event on one line, or send one JSON document'
  return undefined
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Counts brackets outside strings; the parser finds invalid JSON afterwards. */
export function checkDepth(text: string, most: number): void {
  // Almost every message has fewer brackets than the limit, and searching for a character is many times as fast as
  // checking each one.
  if (opened(text, '{', most) + opened(text, '[', most) <= most) return
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (inString && unit === BACKSLASH) at += 1
    else if (unit === QUOTE) inString = !inString
    else if (inString) continue
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth += 1
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1
    if (depth > most) throw refuse('EVENT_TOO_DEEP', '', `nested deeper than ${most} levels`)
  }
}

/** How many, strings included; stops at `most` + 1. */
function opened(text: string, bracket: string, most: number): number {
  let count = 0
  for (let at = text.indexOf(bracket); at >= 0 && count <= most; at = text.indexOf(bracket, at + 1))
    count += 1
  return count
}

/** Only a text with one of these words, or with an escape that may spell one, needs a walk. */
const suspicious = /\\|__proto__|constructor|prototype/

const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

type Path = readonly (string | number)[]

/**
 * The place of the first forbidden key. Runs after parsing, so that escaped keys are decoded; the path is built on the
 * way back, because almost no message has such a key.
 */
function forbiddenPath(value: Json): Path | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return Array.isArray(value) ? inList(value) : inObject(value as Readonly<Record<string, Json>>)
}

function inList(items: readonly Json[]): Path | undefined {
  for (let at = 0; at < items.length; at += 1) {
    const found = forbiddenPath(items[at] ?? null)
    if (found !== undefined) return [at, ...found]
  }
  return undefined
}

function inObject(object: Readonly<Record<string, Json>>): Path | undefined {
  for (const key of Object.keys(object)) {
    if (forbidden.has(key)) return [key]
    const found = forbiddenPath(object[key] ?? null)
    if (found !== undefined) return [key, ...found]
  }
  return undefined
}

function forbiddenKey(path: Path): CodedError {
  const pointer = path.reduce((parent: string, key) => below(parent, key), '')
  return refuse('EVENT_FORBIDDEN_KEY', pointer, 'this key is not allowed')
}
