/** The file behind a path, and a check that it is still the file that was opened. */
import type { Stats } from 'node:fs'
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createHash } from 'node:crypto'
import { CodedError } from '../../src/contracts/core.ts'
import type { LocatedRange } from '../../src/contracts/source.ts'
import { newline, countLines } from './lines.ts'

interface FileState {
  /** Identity of the open file. */
  readonly size: number
  readonly modifiedMs: number
  /** What the path points to: the open file, another file, or nothing. */
  readonly path: 'same' | 'other' | 'nothing'
}

const CHUNK_BYTES = 64 * 1024

/** What was opened after a file that was read to its end. */
interface Next {
  readonly path: string
  /** Rotated files that come before it and cannot be read: they are compressed. */
  readonly packed: readonly string[]
}

interface RotatedFile {
  readonly path: string
  /** What was appended to the name, whatever its digits. */
  readonly kind: string
  readonly ino: number
  readonly modifiedMs: number
  readonly isPacked: boolean
}

/** What a rotation appends to a name: a number or a time. */
const ROTATED = /^([-._:T\d]*\d)(\.(?:gz|bz2|xz|zst|lz4|Z))?$/

export class FollowedFile {
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

  /**
   * Opens what follows the open file: the file at the path, or if there was more than one rotation meanwhile, the first
   * that was written to after the open one.
   */
  async openNext(): Promise<Next> {
    const later = await this.#rotatedLater()
    const first = later.findIndex(({ isPacked }) => !isPacked)
    const packed = (first === -1 ? later : later.slice(0, first)).map(({ path }) => path)
    const path = later[first]?.path ?? this.path
    await this.open(path)
    return { path, packed }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async look(): Promise<FileState> {
    const [named, held] = await Promise.all([this.#stat(this.path), this.#opened().stat()])
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

  /** The oldest first. Only names of the kind that the open file has now, if it is still there. */
  async #rotatedLater(): Promise<readonly RotatedFile[]> {
    const [held, named] = await Promise.all([this.#opened().stat(), this.#stat(this.path)])
    const rotated: RotatedFile[] = []
    for (const path of await this.#beside()) {
      const [, suffix, packed] = ROTATED.exec(path.slice(this.path.length)) ?? []
      const found = suffix === undefined ? undefined : await this.#stat(path)
      if (suffix === undefined || found === undefined || found.ino === named?.ino) continue
      const { ino, mtimeMs } = found
      const kind = suffix.replaceAll(/\d+/g, '0')
      rotated.push({ path, kind, ino, modifiedMs: mtimeMs, isPacked: packed !== undefined })
    }
    const kind = rotated.find(({ ino }) => ino === held.ino)?.kind
    return rotated
      .filter((each) => each.modifiedMs > held.mtimeMs && (kind ?? each.kind) === each.kind)
      .sort((one, other) => one.modifiedMs - other.modifiedMs)
  }

  async #stat(path: string): Promise<Stats | undefined> {
    return stat(path).catch(() => undefined)
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

/**
 * Where a file would continue from a place that a person gives, and what that skips.
 */
const BLOCK_BYTES = 1024 * 1024

/** `to`: `start`, `end`, or the byte at which a line begins. The file is open. */
export async function locate(
  to: string,
  from: string | undefined,
  file: FollowedFile,
): Promise<LocatedRange> {
  const offset = await offsetOf(to, file)
  const before = placeOf(from ?? '0', file.path)
  const isOther = !(await file.has(before))
  const read = isOther ? 0 : before.offset
  const { head, tail } = await file.around(offset)
  return {
    partition: '0',
    from: from ?? null,
    to: placeText({ offset, print: printOf(head, tail) }),
    skipped: await linesBetween(read, offset, file),
    again: await linesBetween(offset, read, file),
    gone: isOther ? null : 0,
  }
}

async function offsetOf(to: string, file: FollowedFile): Promise<number> {
  if (to === 'start') return 0
  if (to === 'end') return file.lastLineEnd()
  const offset = Number(to)
  if (/^\d{1,16}$/.test(to) && (await file.has({ offset }))) return offset
  const message = `no line of ${file.path} begins at ${to}: give start, end, or the byte offset of a line`
  throw new CodedError('USAGE', message)
}

async function linesBetween(from: number, to: number, file: FollowedFile): Promise<number> {
  let lines = 0
  let isOpen = false
  for (let at = from; at < to; at += BLOCK_BYTES) {
    const bytes = await file.bytesAt(at, Math.min(BLOCK_BYTES, to - at))
    lines += countLines(bytes, isOpen)
    isOpen = bytes.length > 0 && bytes.at(-1) !== 10
  }
  return lines
}

/**
 * A place in a file as the checkpoint stores it: `1234@<head>.<tail>`, the byte offset and hashes of the file's first
 * bytes and of the bytes just before the place. Different content under the same path has different hashes. A place of
 * an older release is the offset alone.
 */
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
