/** The file behind a path, and a check that it is still the file that was opened. */
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CodedError } from '../../src/contracts/core.ts'
import { newline } from './lines.ts'
import { HEAD_BYTES, TAIL_BYTES, printOf, type Place } from './place.ts'

export interface Seen {
  /** Identity of the open file. */
  readonly size: number
  readonly modifiedMs: number
  /** What the path points to: the open file, another file, or nothing. */
  readonly path: 'same' | 'other' | 'nothing'
}

const CHUNK_BYTES = 64 * 1024

export class Followed {
  readonly path: string
  #file: FileHandle | undefined

  constructor(path: string) {
    this.path = path
  }

  async open(path = this.path): Promise<void> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw this.missing('cannot be opened', cause)
    })
    await this.close()
    this.#file = file
  }

  /**
   * Opens the file that was read up to `place`: the one at the path, or one beside it with a longer name (`f.jsonl.1`),
   * to which it was renamed in the meantime. False if neither has that content; the file at the path is open then.
   */
  async openAt(place: Place): Promise<boolean> {
    await this.open()
    if (await this.has(place)) return true
    // Without hashes, any file could be it.
    const beside = place.print === undefined ? [] : await this.#beside()
    for (const path of beside) {
      const isOpen = await this.open(path).then(
        () => true,
        () => false,
      )
      if (isOpen && (await this.has(place).catch(() => false))) return true
    }
    await this.open()
    return false
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async look(): Promise<Seen> {
    const [named, held] = await Promise.all([
      stat(this.path).catch(() => undefined),
      this.#opened().stat(),
    ])
    const isSame = named?.ino === held.ino && named.dev === held.dev
    const path = named === undefined ? 'nothing' : isSame ? 'same' : 'other'
    return { size: held.size, modifiedMs: held.mtimeMs, path }
  }

  async bytesAt(offset: number, count: number): Promise<Buffer> {
    const buffer = Buffer.alloc(Math.max(0, count))
    try {
      const { bytesRead } = await this.#opened().read(buffer, 0, buffer.length, offset)
      return buffer.subarray(0, bytesRead)
    } catch (cause) {
      if (cause instanceof CodedError) throw cause
      const options = { retriable: true, details: { path: this.path }, cause }
      throw new CodedError('SOURCE_FAILED', `${this.path} cannot be read`, options)
    }
  }

  /** The fingerprint of the file at `offset`: its first bytes, and those just before the offset. */
  async around(offset: number): Promise<{ readonly head: Buffer; readonly tail: Buffer }> {
    const tailBytes = Math.min(TAIL_BYTES, offset)
    return {
      head: await this.bytesAt(0, Math.min(HEAD_BYTES, offset)),
      tail: await this.bytesAt(offset - tailBytes, tailBytes),
    }
  }

  /** Whether a line begins there, after the same content. */
  async has({ offset, print }: Place): Promise<boolean> {
    if (offset === 0) return true
    const { head, tail } = await this.around(offset)
    if (tail.length < Math.min(TAIL_BYTES, offset) || tail.at(-1) !== newline) return false
    return print === undefined || print === printOf(head, tail)
  }

  /** The end of the last complete line. */
  async lastLineEnd(): Promise<number> {
    const { size } = await this.look()
    for (let end = size; end > 0; end -= CHUNK_BYTES) {
      const from = Math.max(0, end - CHUNK_BYTES)
      const at = (await this.bytesAt(from, end - from)).lastIndexOf(newline)
      if (at !== -1) return from + at + 1
    }
    return 0
  }

  /** The file may come back. */
  missing(what: string, cause?: unknown): CodedError {
    const options = { retriable: true, details: { path: this.path }, cause }
    return new CodedError('SOURCE_MISSING', `${this.path} ${what}`, options)
  }

  async #beside(): Promise<readonly string[]> {
    const [folder, name] = [dirname(this.path), basename(this.path)]
    const found = await readdir(folder, { withFileTypes: true }).catch(() => [])
    return found
      .filter((each) => each.isFile() && each.name.startsWith(name) && each.name !== name)
      .map((each) => join(folder, each.name))
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw this.missing('is not open')
    return this.#file
  }
}
