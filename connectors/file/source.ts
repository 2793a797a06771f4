/**
 * A JSONL file, followed as it grows. The position is a byte offset; a last line without its newline waits for the
 * rest. A file that shrank or was exchanged for another has lost its place: that is refused, never guessed.
 */
import { open, stat, type FileHandle } from 'node:fs/promises'
import {
  CodedError,
  type Clock,
  type Positions,
  type Source,
  type SourceRecord,
} from '../../src/contracts.ts'
import { countLines, Lines, newline, type Line } from './lines.ts'

export interface FileSourceOptions {
  readonly name: string
  readonly path: string
  /** A longer line comes out cut, one byte over the limit. */
  readonly lineBytes: number
  readonly clock: Clock
  /** How often a file that has ended is looked at again. */
  readonly pollMs?: number
}

export function fileSource(options: FileSourceOptions): Source {
  return new FileSource(options)
}

const POLL_MS = 250
const CHUNK_BYTES = 64 * 1024
/** How far ahead lines are counted for the lag. */
const COUNTED_BYTES = 1024 * 1024

class FileSource implements Source {
  readonly name: string
  readonly #options: FileSourceOptions
  #file: FileHandle | undefined
  #lines = new Lines(0, 0)
  #ready: Line[] = []

  constructor(options: FileSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  async open(from: Positions): Promise<void> {
    await this.close()
    const { path, lineBytes } = this.#options
    const next = Number(from['0'] ?? '0')
    this.#lines = new Lines(next, lineBytes)
    this.#ready = []
    this.#file = await open(path, 'r').catch((cause: unknown) => {
      throw this.#lost('cannot be opened', cause)
    })
    await this.#size()
    if (next > 0 && (await this.#bytesAt(next - 1, 1))[0] !== newline) {
      throw this.#lost(`has no line that begins at byte ${next}: it is another file`)
    }
  }

  async read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]> {
    const { clock, pollMs = POLL_MS } = this.#options
    const untilMs = clock.monotonicMs() + limits.waitMs
    for (;;) {
      signal.throwIfAborted()
      await this.#fill(limits.records)
      const leftMs = untilMs - clock.monotonicMs()
      if (this.#ready.length > 0 || leftMs <= 0) return this.#take(limits.records)
      await clock.sleep(Math.min(pollMs, leftMs), signal)
    }
  }

  async commit(): Promise<void> {
    // Nobody else looks at the place of this reader; the checkpoint keeps it.
  }

  /** Exact when the end is near; what lies far ahead is taken to have lines of the same length. */
  async lag(): Promise<number> {
    const from = this.#lines.end
    const bytes = (await this.#size()) - from
    const counted = await this.#bytesAt(from, Math.min(bytes, COUNTED_BYTES))
    const lines = countLines(counted, this.#lines.isOpen)
    const scale = counted.length === 0 ? 0 : bytes / counted.length
    return this.#ready.length + Math.round(lines * scale)
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #fill(wanted: number): Promise<void> {
    const size = await this.#size()
    while (this.#ready.length < wanted && this.#lines.end < size) {
      const chunk = await this.#bytesAt(this.#lines.end, CHUNK_BYTES)
      if (chunk.length === 0) return
      this.#ready.push(...this.#lines.push(chunk))
    }
  }

  #take(records: number): readonly SourceRecord[] {
    return this.#ready.splice(0, records).map(({ offset, next, bytes }) => ({
      partition: '0',
      position: String(offset),
      next: String(next),
      value: bytes,
    }))
  }

  async #bytesAt(offset: number, count: number): Promise<Buffer> {
    const buffer = Buffer.alloc(count)
    try {
      const { bytesRead } = await this.#opened().read(buffer, 0, count, offset)
      return buffer.subarray(0, bytesRead)
    } catch (cause) {
      if (cause instanceof CodedError) throw cause
      const { path } = this.#options
      const options = { retriable: true, details: { path }, cause }
      throw new CodedError('SOURCE_FAILED', `${path} cannot be read`, options)
    }
  }

  async #size(): Promise<number> {
    const { path, lineBytes } = this.#options
    const [now, held] = await Promise.all([
      stat(path).catch((cause: unknown) => {
        throw this.#lost('is gone', cause)
      }),
      this.#opened().stat(),
    ])
    if (now.ino !== held.ino || now.dev !== held.dev) throw this.#lost('was replaced by another')
    const { start, end } = this.#lines
    if (!(held.size >= start))
      throw this.#lost(`has ${held.size} bytes, and was read up to ${start}`)
    // A writer took back the line that it had begun: so is it here.
    if (held.size < end) this.#lines = new Lines(start, lineBytes)
    return held.size
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw this.#lost('is not open')
    return this.#file
  }

  #lost(what: string, cause?: unknown): CodedError {
    const { path } = this.#options
    return new CodedError('SOURCE_MISSING', `${path} ${what}`, { details: { path }, cause })
  }
}
