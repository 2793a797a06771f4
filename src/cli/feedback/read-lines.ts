/** The lines of a file or of stdin, numbered as in an editor, in chunks that fit into one request. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { textOf } from './utf8-text.ts'

export interface Line {
  readonly number: number
  readonly text: string
}

/** A line with its size in the file. */
export interface SizedLine extends Line {
  readonly bytes: number
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
