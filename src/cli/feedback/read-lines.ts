/** The lines of a file or of stdin, numbered as in an editor, in chunks that fit into one request. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { CodedError, type Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

/**
 * The text of a file or of stdin, in pieces that end where a line ends. A file in another encoding is refused: read as
 * UTF-8, its letters would be replaced, and the model would learn that.
 */
const LINE_END = 0x0a

export async function* textOf(stream: Readable): AsyncGenerator<string> {
  let line = 1
  let rest: Uint8Array[] = []
  for await (const chunk of stream as AsyncIterable<Uint8Array | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const end = bytes.lastIndexOf(LINE_END) + 1
    if (end === 0) {
      rest.push(bytes)
      continue
    }
    const whole = Buffer.concat([...rest, bytes.subarray(0, end)])
    yield decoded(whole, line)
    line += countOf(whole)
    rest = [bytes.subarray(end)]
  }
  const last = Buffer.concat(rest)
  if (last.byteLength > 0) yield decoded(last, line)
}

/** Whole lines; the first is `line`. */
function decoded(bytes: Buffer, line: number): string {
  const text = strict(bytes)
  if (text === undefined) throw notUtf8(bytes, line)
  return text
}

/** Text of two bytes a letter has zeros, which neither JSON nor CSV contains. */
function strict(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function notUtf8(bytes: Buffer, first: number): Error {
  let [line, from] = [first, 0]
  for (; ; line += 1) {
    const end = bytes.indexOf(LINE_END, from)
    const own = bytes.subarray(from, end < 0 ? undefined : end)
    if (end < 0 || strict(own) === undefined) break
    from = end + 1
  }
  return failure('BODY_MALFORMED', `line ${line} of the file is not UTF-8`, { fix: fixFor(bytes) })
}

function fixFor(bytes: Buffer): string {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'decompress it first, with gunzip'
  const charset = bytes.includes(0) ? 'UTF-16' : 'WINDOWS-1252'
  return `save it as UTF-8, or convert it, for example with iconv -f ${charset} -t UTF-8`
}

function countOf(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte === LINE_END) count += 1
  return count
}

export interface Line {
  readonly number: number
  readonly text: string
}

/** A line with its size in the file. */
export interface SizedLine extends Line {
  readonly bytes: number
}

interface LineSource {
  /** Unknown for stdin. */
  readonly totalBytes: number | undefined
  readonly stream: Readable
}

interface ChunkLimits {
  readonly lines: number
  readonly bytes: number
}

export async function openLines(path: string): Promise<LineSource> {
  if (path === '-') return { totalBytes: undefined, stream: process.stdin }
  const fix = 'check the path of the file'
  const found = await stat(path).catch((cause: unknown) => {
    throw failure('SOURCE_MISSING', `${path} cannot be read`, { cause, fix })
  })
  if (!found.isFile()) throw failure('SOURCE_MISSING', `${path} is not a file`, { fix })
  return { totalBytes: found.size, stream: createReadStream(path) }
}

/** The lines of JSONL; blank ones are skipped. */
export async function* jsonLines(stream: Readable): AsyncGenerator<SizedLine> {
  let [number, skipped] = [0, 0]
  for await (const lines of textOf(stream)) {
    for (const text of lines.replace(/\r?\n$/, '').split(/\r?\n|\r/)) {
      number += 1
      const bytes = Buffer.byteLength(text) + 1
      if (text.trim() === '') skipped += bytes
      else {
        yield { number, text, bytes: bytes + skipped }
        skipped = 0
      }
    }
  }
}

/** One line of JSONL. */
export function asJson(text: string, line: number): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw failure('USAGE', `line ${line} is no JSON: ${text.slice(0, 80)}`, { cause })
  }
}

/**
 * A line longer than `bytes` becomes a separate chunk: the daemon decides about it. The limits are checked for each
 * line, and may change meanwhile.
 */
export async function* chunksOf(
  source: AsyncIterable<SizedLine>,
  limits: ChunkLimits,
): AsyncGenerator<{ readonly lines: readonly Line[]; readonly bytes: number }> {
  let lines: Line[] = []
  let [bytes, size] = [0, 0]
  for await (const line of source) {
    const more = Buffer.byteLength(line.text) + 1
    if (lines.length >= limits.lines || (lines.length > 0 && size + more > limits.bytes)) {
      yield { lines, bytes }
      lines = []
      bytes = size = 0
    }
    lines.push({ number: line.number, text: line.text })
    bytes += line.bytes
    size += more
  }
  if (lines.length > 0) yield { lines, bytes }
}

const tooMuch: ReadonlySet<string> = new Set(['BODY_TOO_LARGE', 'TOO_MANY_EVENTS'])

/** Sends them; what is too much for the daemon is halved, and a single one that still is goes to `refuse`. */
export async function inHalves<Item>(
  items: readonly Item[],
  send: (part: readonly Item[]) => Promise<void>,
  refuse: (item: Item, error: CodedError) => void,
): Promise<void> {
  const [only] = items
  if (only === undefined) return
  try {
    await send(items)
  } catch (error) {
    if (!(error instanceof CodedError) || !tooMuch.has(error.code)) throw error
    if (items.length === 1) {
      refuse(only, error)
      return
    }
    const half = Math.ceil(items.length / 2)
    await inHalves(items.slice(0, half), send, refuse)
    await inHalves(items.slice(half), send, refuse)
  }
}
