/**
 * A JSONL file, followed as it grows. The position is a byte offset with a fingerprint of the content before it; a last
 * line without a newline waits for the rest. A rotated file is read to its end before the new one, also if it was
 * rotated while the daemon was away and lies beside the new one under a longer name; after several rotations every file
 * is read. If the content
 * before the position has changed (`copytruncate`, a new file), reading restarts as `onReset` says.
 */
import { CodedError, type Clock, type Logger } from '../../src/contracts/core.ts'
import type {
  LocatedRange,
  OnReset,
  Positions,
  Source,
  SourceRecord,
  SourceStats,
} from '../../src/contracts/source.ts'
import { Resets } from '../resets.ts'
import {
  FollowedFile,
  HEAD_BYTES,
  TAIL_BYTES,
  placeIn,
  placeOf,
  placeText,
  printOf,
  type Place,
  locate,
} from './followed.ts'
import { countLines, Lines, type Line } from './lines.ts'

export interface FileSourceOptions {
  readonly name: string
  readonly path: string
  /** A longer line is truncated, one byte over the limit. */
  readonly lineBytes: number
  readonly clock: Clock
  readonly log: Logger
  /** Where to continue if the content that was read has been replaced. */
  readonly onReset?: OnReset | undefined
  /** How often to check a file for more after its end. */
  readonly pollMs?: number
}

export function fileSource(options: FileSourceOptions): Source {
  return new FileSource(options)
}

interface Read extends Line {
  readonly place: Place
}

const POLL_MS = 250
const CHUNK_BYTES = 64 * 1024
/** How far ahead lines are counted for the lag. */
const COUNTED_BYTES = 1024 * 1024

class FileSource implements Source {
  readonly name: string
  readonly #options: FileSourceOptions
  readonly #file: FollowedFile
  readonly #resets: Resets
  #lines = new Lines(0, 0)
  /** After the last complete line that was read. */
  #place: Place = { offset: 0 }
  /** The first bytes of the file, and the last ones before the next read. */
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer = Buffer.alloc(0)
  #ready: Read[] = []
  #size = 0
  #modifiedMs = 0
  #stats = { records: 0, bytes: 0, rebalances: 0, refused: 0 }

  constructor(options: FileSourceOptions) {
    const { name, path, clock, log } = options
    this.name = name
    this.#options = options
    this.#file = new FollowedFile(path)
    this.#resets = new Resets(clock, log.child({ source: name }))
  }

  async continues({ '0': position = '' }: Positions): Promise<Positions> {
    const place = placeIn(position)
    // Without a fingerprint nothing says that it is the same content.
    if (place?.print === undefined) return {}
    await this.#file.open()
    return (await this.#file.has(place)) ? { '0': position } : {}
  }

  async open(from: Positions): Promise<void> {
    await this.close()
    const { path } = this.#options
    const place = placeOf(from['0'] ?? '0', path)
    this.#ready = []
    const isFound = await this.#file.openAt(place)
    this.#place = place
    this.#size = 0
    if (isFound) await this.#begin(place.offset)
    else
      await this.#reset(
        `has content other than what was read up to byte ${place.offset}`,
        undefined,
      )
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
    // Only this reader checks its place; the checkpoint stores it.
  }

  /** Exact near the end; farther ahead it assumes lines of the same length. */
  async lag(): Promise<number> {
    const size = await this.#look()
    const from = this.#lines.end
    const bytes = size - from
    const counted = await this.#file.bytesAt(from, Math.min(bytes, COUNTED_BYTES))
    const lines = countLines(counted, this.#lines.isOpen)
    const scale = counted.length === 0 ? 0 : bytes / counted.length
    return this.#ready.length + Math.round(lines * scale)
  }

  stats(): SourceStats {
    return { ...this.#stats, ...this.#resets.stats }
  }

  async locate(to: string, from: Positions): Promise<readonly LocatedRange[]> {
    await this.#file.open()
    try {
      return [await locate(to, from['0'], this.#file)]
    } finally {
      await this.#file.close()
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #fill(wanted: number): Promise<void> {
    try {
      while (this.#ready.length < wanted && (await this.#readOn()));
    } catch (error) {
      // Lines read before the failure are returned; the next read fails again.
      if (this.#ready.length === 0) throw error
    }
  }

  /** Whether there is more. Also reads the earlier bytes again, to check that they are unchanged. */
  async #readOn(): Promise<boolean> {
    const size = await this.#look()
    if (this.#lines.end >= size) return false
    const tail = this.#tail
    const bytes = await this.#file.bytesAt(this.#lines.end - tail.length, tail.length + CHUNK_BYTES)
    if (!bytes.subarray(0, tail.length).equals(tail)) {
      await this.#reset('was truncated and written again', this.#unread())
      return true
    }
    const chunk = bytes.subarray(tail.length)
    this.#push(chunk, bytes)
    return chunk.length > 0
  }

  /** `bytes` is the chunk together with the bytes before it. */
  #push(chunk: Buffer, bytes: Buffer): void {
    const { end } = this.#lines
    const base = end + chunk.length - bytes.length
    if (end === this.#head.length)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES - end)])
    for (const line of this.#lines.push(chunk)) {
      const tail = bytes.subarray(Math.max(0, line.next - TAIL_BYTES - base), line.next - base)
      this.#place = { offset: line.next, print: this.#printAt(line.next, tail) }
      this.#ready.push({ ...line, place: this.#place })
    }
    this.#tail = Buffer.from(bytes.subarray(-TAIL_BYTES))
  }

  #printAt(offset: number, tail: Buffer): string {
    return printOf(this.#head.subarray(0, Math.min(HEAD_BYTES, offset)), tail)
  }

  #take(records: number): readonly SourceRecord[] {
    const { lineBytes } = this.#options
    return this.#ready.splice(0, records).map(({ offset, place, bytes }) => {
      this.#stats.records += 1
      this.#stats.bytes += bytes.length
      if (bytes.length > lineBytes) this.#stats.refused += 1
      return {
        partition: '0',
        position: String(offset),
        next: placeText(place),
        value: bytes,
      }
    })
  }

  /** The present length of the file, after any change. */
  async #look(): Promise<number> {
    const { size, modifiedMs, path } = await this.#file.look()
    const { end } = this.#lines
    if (size < end || modifiedMs !== this.#modifiedMs) await this.#check(size)
    this.#modifiedMs = modifiedMs
    this.#size = size
    // The rest of a rotated file is read first.
    if (path === 'same' || size > this.#lines.end) return size
    if (path === 'nothing') throw this.#file.missing('is gone')
    return this.#switch()
  }

  /** After a change: either the content that was read is still there, or it was replaced. */
  async #check(size: number): Promise<void> {
    if (!(await this.#file.has(this.#place))) {
      const why = `has ${size} bytes now, without the content that was read up to byte ${this.#place.offset}`
      return this.#reset(why, this.#unread())
    }
    // The writer withdrew its incomplete line, so drop it here too.
    if (size < this.#lines.end) await this.#begin(this.#place.offset)
  }

  async #switch(): Promise<number> {
    const { path, packed } = await this.#file.openNext()
    const { size, modifiedMs } = await this.#file.look()
    this.#size = size
    this.#modifiedMs = modifiedMs
    // The old file was read completely.
    if (await this.#file.has(this.#place)) await this.#begin(this.#place.offset)
    else
      await this.#reset(replacedBy(path, packed, this.#options), packed.length > 0 ? undefined : 0)
    return size
  }

  /** Lines of the old content that were seen and not read; undefined if their length is unknown. */
  #unread(): number | undefined {
    const { offset } = this.#place
    const { records, bytes } = this.#stats
    const lost = Math.max(0, this.#size - offset)
    if (lost === 0) return 0
    return records === 0 ? undefined : Math.ceil((lost * records) / (bytes + records))
  }

  async #reset(what: string, missing: number | undefined): Promise<void> {
    const { path, onReset = 'start' } = this.#options
    const reason = `${path} ${what}`
    if (onReset === 'stop') throw new CodedError('SOURCE_MISSING', reason, { details: { path } })
    const from = placeText(this.#place)
    await this.#begin(onReset === 'end' ? await this.#file.lastLineEnd() : 0)
    const to = placeText(this.#place)
    const known = missing === undefined ? {} : { missing }
    this.#resets.add({ partition: '0', reason, from, to, ...known })
  }

  async #begin(offset: number): Promise<void> {
    const { head, tail } = await this.#file.around(offset)
    this.#lines = new Lines(offset, this.#options.lineBytes)
    this.#head = head
    this.#tail = tail
    this.#place = { offset, print: printOf(head, tail) }
  }
}

function replacedBy(next: string, packed: readonly string[], { path }: FileSourceOptions): string {
  const before = packed.length === 0 ? '' : ` after ${packed.join(', ')}, compressed and never read`
  const between = next === path ? '' : `, and ${next} comes before that`
  return `was replaced by another file${between}${before}`
}
