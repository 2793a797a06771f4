/**
 * The text of a file or of stdin, in pieces that end where a line ends. A file in another encoding is refused: read as
 * UTF-8, its letters would be replaced, and the model would learn that.
 */
import type { Readable } from 'node:stream'
import { failure } from '../../platform/errors.ts'

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

/** Whole lines, of which the first is `line`. */
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
