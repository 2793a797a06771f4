/**
 * A JSONL file, followed as it grows. The position is a byte offset; a last line without its newline waits for the
 * rest. A file that shrank or was exchanged for another has lost its place: that is refused, never guessed.
 */
import { open, stat, type FileHandle } from 'node:fs/promises'
import { CodedError, type Clock, type Source, type SourceRecord } from '../../src/contracts.ts'
import { carriageReturn, Lines, newline, type Line } from './lines.ts'

export interface FileSourceOptions {
  readonly name: string
  readonly path: string
  /** A longer line comes out cut, one byte over the limit. */
  readonly lineBytes: number
  readonly clock: Clock
  /** How often a file that has ended is looked at again. */
  readonly pollMs?: number
}

const chunkBytes = 64 * 1024

export function fileSource(options: FileSourceOptions): Source {
  return new FileSource(options)
}

class FileSource implements Source {
  readonly name: string
  readonly #options: FileSourceOptions
  #file: FileHandle | undefined
  #lines = new Lines(0, 0)
  #ready: Line[] = []
  #next = 0
  /** Lines up to `#counted` that nobody has taken, and whether a line is open there. */
  #unread = 0
  #counted = 0
  #inLine = false

  constructor(options: FileSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  async open(from: Readonly<Record<string, string>>): Promise<void> {
    await this.close()
    this.#next = Number(from['0'] ?? '0')
    this.#lines = new Lines(this.#next, this.#options.lineBytes)
    this.#ready = []
    this.#unread = 0
    this.#counted = this.#next
    this.#inLine = false
    this.#file = await open(this.#options.path, 'r').catch((cause: unknown) => {
      throw this.#lost('cannot be opened', cause)
    })
    await this.#size()
  }

  async read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]> {
    const { clock, pollMs = 250 } = this.#options
    const until = clock.monotonicMs() + limits.waitMs
    for (;;) {
      signal.throwIfAborted()
      await this.#fill(limits.records)
      const left = until - clock.monotonicMs()
      if (this.#ready.length > 0 || left <= 0) return this.#take(limits.records)
      await clock.sleep(Math.min(pollMs, left), signal)
    }
  }

  async commit(): Promise<void> {
    // Nobody else looks at the place of this reader; the checkpoint keeps it.
  }

  /** Every byte is looked at once for this, however often it is asked. */
  async lag(): Promise<number> {
    const size = await this.#size()
    while (this.#counted < size) {
      const chunk = await this.#chunkAt(this.#counted)
      if (chunk.length === 0) break
      this.#unread += this.#count(chunk)
      this.#counted += chunk.length
    }
    return this.#unread
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #fill(wanted: number): Promise<void> {
    const size = await this.#size()
    while (this.#ready.length < wanted && this.#lines.end < size) {
      const chunk = await this.#chunkAt(this.#lines.end)
      if (chunk.length === 0) return
      this.#ready.push(...this.#lines.push(chunk))
    }
  }

  #take(records: number): readonly SourceRecord[] {
    const taken = this.#ready.splice(0, records)
    this.#unread -= taken.length
    const last = taken.at(-1)
    if (last !== undefined) this.#next = last.next
    return taken.map(({ offset, next, bytes }) => ({
      partition: '0',
      position: String(offset),
      next: String(next),
      value: bytes,
    }))
  }

  async #chunkAt(offset: number): Promise<Buffer> {
    const buffer = Buffer.alloc(chunkBytes)
    const { bytesRead } = await this.#opened().read(buffer, 0, chunkBytes, offset)
    return buffer.subarray(0, bytesRead)
  }

  /** Ends of lines that are not blank, as `Lines` cuts them. */
  #count(chunk: Buffer): number {
    let lines = 0
    for (const byte of chunk) {
      if (byte === newline && this.#inLine) lines += 1
      if (byte !== carriageReturn) this.#inLine = byte !== newline
    }
    return lines
  }

  async #size(): Promise<number> {
    const { path } = this.#options
    const [now, held] = await Promise.all([
      stat(path).catch((cause: unknown) => {
        throw this.#lost('is gone', cause)
      }),
      this.#opened().stat(),
    ])
    if (now.ino !== held.ino || now.dev !== held.dev) throw this.#lost('was replaced by another')
    if (held.size < this.#next)
      throw this.#lost(`has ${held.size} bytes, and was read up to ${this.#next}`)
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
