/** The lines of a file or of stdin, numbered as an editor numbers them, in chunks that fit into one request. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { failure } from '../runtime/errors.ts'

export interface Line {
  readonly number: number
  readonly text: string
}

export interface LineSource {
  /** Unknown for stdin. */
  readonly totalBytes: number | undefined
  readonly stream: Readable
}

export interface ChunkLimits {
  readonly lines: number
  readonly bytes: number
}

export async function openLines(path: string): Promise<LineSource> {
  if (path === '-') return { totalBytes: undefined, stream: process.stdin }
  const found = await stat(path).catch((cause: unknown) => {
    throw failure('SOURCE_MISSING', `${path} cannot be read`, { cause })
  })
  if (!found.isFile()) throw failure('SOURCE_MISSING', `${path} is not a file`)
  return { totalBytes: found.size, stream: createReadStream(path) }
}

/** A line that is longer than `bytes` makes a chunk of its own: the daemon says what it thinks of it. */
export async function* chunksOf(
  stream: Readable,
  limits: ChunkLimits,
): AsyncGenerator<{ readonly lines: readonly Line[]; readonly bytes: number }> {
  let lines: Line[] = []
  let [bytes, skipped, number] = [0, 0, 0]
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    number += 1
    const size = Buffer.byteLength(text) + 1
    if (text.trim() === '') skipped += size
    else {
      if (lines.length === limits.lines || (lines.length > 0 && bytes + size > limits.bytes)) {
        yield { lines, bytes: bytes + skipped }
        lines = []
        bytes = skipped = 0
      }
      lines.push({ number, text })
      bytes += size
    }
  }
  if (lines.length > 0) yield { lines, bytes: bytes + skipped }
}
