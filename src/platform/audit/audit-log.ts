/**
 * The audit log: one JSON line for each action of an operator, appended and synced before the action is answered. The
 * lines are in segments, so that the oldest can be removed without touching the others; together they stay within a
 * bound.
 */
import { mkdir, open, rm, type FileHandle, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../contracts/core.ts'
import { pageOf, type Page } from '../page.ts'
import { diskFailure } from '../store/disk-failure.ts'

export interface AuditRecord {
  /** ISO 8601. */
  readonly time: string
  /** The name of the key, of the token, or `anonymous`. */
  readonly key: string
  readonly method: string
  readonly path: string
  /** The address that the request came from. */
  readonly from: string
  /** The origin that a proxy reports; a client can write anything there. */
  readonly forwarded_for?: string
  /** The id of the request in the log. */
  readonly request: string
  readonly status: number
  /** The code of the error, if it failed. */
  readonly code?: string
  /** The body of the request. */
  readonly body?: Json
}

export interface AuditLog {
  /** Resolves when the record is on disk. Throws the coded fault of the disk. */
  write(record: AuditRecord): Promise<void>
  /** Newest first. `before`: the `next` of the last page. */
  page(wanted: {
    readonly limit: number
    readonly before?: string | undefined
  }): Promise<Page<AuditRecord, string>>
  /** On disk, as of the last write. */
  bytes(): number
  close(): Promise<void>
}

interface AuditLogOptions {
  readonly folder: string
  /** All segments together stay below it. */
  readonly bytes: number
}

/** The oldest eighth is removed at a time. */
const SEGMENTS = 8

/** Throws the coded fault of the disk. */
export async function openAuditLog({ folder, bytes }: AuditLogOptions): Promise<AuditLog> {
  const writer = new Writer(folder, bytes, await segmentsOf(folder))
  let last = Promise.resolve()
  return {
    write(record) {
      const written = last.then(async () => writer.append(record))
      last = written.catch(() => undefined)
      return written
    },
    page: async ({ limit, before }) => page(folder, limit, before),
    bytes: () => writer.bytes,
    async close() {
      await last
      await writer.close()
    },
  }
}

async function segmentsOf(folder: string): Promise<readonly Segment[]> {
  try {
    return await segmentsIn(folder)
  } catch (error) {
    throw diskFailure(error, folder, 'cannot read the audit log in')
  }
}

class Writer {
  readonly #folder: string
  readonly #most: number
  readonly #segments: { number: number; bytes: number }[]
  #file: FileHandle | undefined

  constructor(folder: string, most: number, segments: readonly Segment[]) {
    this.#folder = folder
    this.#most = most
    this.#segments = segments.map((segment) => ({ ...segment }))
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async append(record: AuditRecord): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`)
    try {
      const { file, segment } = await this.#room(line.length)
      await file.appendFile(line)
      await file.datasync()
      segment.bytes += line.length
    } catch (error) {
      // The next one opens the file again, and finds where it ends.
      await this.close()
      throw diskFailure(error, this.#folder, 'cannot write the audit log in')
    }
  }

  async close(): Promise<void> {
    await this.#file?.close().catch(() => undefined)
    this.#file = undefined
  }

  async #room(bytes: number) {
    const known = this.#segments.at(-1)
    const isFull = known !== undefined && known.bytes + bytes > this.#most / SEGMENTS
    if (isFull) await this.close()
    const segment = known === undefined || isFull ? this.#begin((known?.number ?? 0) + 1) : known
    while (this.#segments.length > 1 && this.bytes + bytes > this.#most) await this.#removeOldest()
    this.#file ??= await this.#open(segment)
    return { file: this.#file, segment }
  }

  #begin(number: number) {
    const segment = { number, bytes: 0 }
    this.#segments.push(segment)
    return segment
  }

  /** A line that a crash or a full disk cut off ends here, so that the next one is whole. */
  async #open(segment: { readonly number: number; bytes: number }): Promise<FileHandle> {
    await mkdir(this.#folder, { recursive: true })
    const file = await open(join(this.#folder, nameOf(segment.number)), 'a+', 0o600)
    const { size } = await file.stat()
    segment.bytes = size
    if (size === 0) return file
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
    if (buffer[0] !== LINE_FEED) {
      await file.appendFile('\n')
      segment.bytes += 1
    }
    return file
  }

  async #removeOldest(): Promise<void> {
    const [oldest] = this.#segments
    if (oldest === undefined) return
    await rm(join(this.#folder, nameOf(oldest.number)), { force: true })
    this.#segments.shift()
  }
}

const LINE_FEED = 0x0a

async function page(
  folder: string,
  limit: number,
  before: string | undefined,
): Promise<Page<AuditRecord, string>> {
  const [number = Infinity, end = Infinity] = before?.split('-').map(Number) ?? []
  const found: { readonly record: AuditRecord; readonly place: string }[] = []
  try {
    for (const segment of (await segmentsIn(folder)).toReversed()) {
      if (segment.number > number) continue
      const from = segment.number === number ? Math.min(end, segment.bytes) : segment.bytes
      for await (const { text, start } of linesBefore(join(folder, nameOf(segment.number)), from)) {
        const record = recordIn(text)
        if (record !== undefined) found.push({ record, place: `${segment.number}-${start}` })
        if (found.length > limit) break
      }
      if (found.length > limit) break
    }
  } catch (error) {
    throw diskFailure(error, folder, 'cannot read the audit log in')
  }
  const { items, ...next } = pageOf(found, limit, ({ place }) => place)
  return { items: items.map(({ record }) => record), ...next }
}

/** Undefined for a line that was cut off. */
function recordIn(text: string): AuditRecord | undefined {
  try {
    return JSON.parse(text) as AuditRecord
  } catch {
    return undefined
  }
}

interface LineAt {
  readonly text: string
  /** The place of its first byte. */
  readonly start: number
}

const PIECE_BYTES = 64 * 1024

/**
 * The lines of a file from a place backwards, read in pieces: the newest page of a long file costs one of them. `end`: where a
 * line begins, or the end of the file. None of a file that was just removed.
 */
async function* linesBefore(path: string, end: number): AsyncGenerator<LineAt> {
  const file = await ifThere(open(path, 'r'))
  if (file === undefined) return
  try {
    let [at, bytes] = [end, Buffer.alloc(0)]
    while (at > 0) {
      const from = Math.max(0, at - PIECE_BYTES)
      const piece = Buffer.alloc(at - from)
      await file.read(piece, 0, piece.length, from)
      at = from
      bytes = Buffer.concat([piece, bytes])
      let stop = bytes.length
      // The first line of the piece may begin in the piece before it.
      for (;;) {
        const feed = stop === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, stop - 1)
        if (feed < 0) break
        if (feed + 1 < stop)
          yield { text: bytes.toString('utf8', feed + 1, stop), start: from + feed + 1 }
        stop = feed
      }
      bytes = bytes.subarray(0, stop)
    }
    if (bytes.length > 0) yield { text: bytes.toString('utf8'), start: 0 }
  } finally {
    await file.close()
  }
}

/** The files of the audit log, `1.jsonl` the oldest. */
interface Segment {
  readonly number: number
  readonly bytes: number
}

function nameOf(segment: number): string {
  return `${segment}.jsonl`
}

/** Oldest first; none if the folder does not exist. */
async function segmentsIn(folder: string): Promise<readonly Segment[]> {
  const names = (await ifThere(readdir(folder))) ?? []
  const numbers = names.flatMap((name) => {
    const digits = /^([1-9]\d{0,14})\.jsonl$/.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  const sizes = await Promise.all(
    numbers.map(async (number) => {
      const found = await ifThere(stat(join(folder, nameOf(number))))
      return found === undefined ? [] : [{ number, bytes: found.size }]
    }),
  )
  return sizes.flat().sort((a, b) => a.number - b.number)
}

/** Undefined if it is not there, or was just removed. */
async function ifThere<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await looking
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
