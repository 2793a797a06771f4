/** Fetched records that have not been read yet, in order of arrival, bounded in number and in bytes. */
import { isUtf8 } from 'node:buffer'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { rest, type Clock } from '../../src/contracts/core.ts'
import { isEnd } from './fetched.ts'
import { type FetchedRecord, Varints } from './record-batch.ts'
import { type ContentId, type Partition, placeText } from './partition.ts'

interface FetchedPlace {
  readonly partition: Partition
  readonly record: FetchedRecord
  /** The content that it was fetched from. */
  readonly id: ContentId
}

export class Backlog {
  readonly #limits: { readonly bufferBytes: number; readonly bufferRecords: number }
  #queue: FetchedPlace[] = []
  /** How much of the queue's head was already taken. */
  #taken = 0
  #bytes = 0
  /** Records in it; end-of-batch marks do not count. */
  #records = 0

  constructor(limits: { readonly bufferBytes: number; readonly bufferRecords: number }) {
    this.#limits = limits
  }

  get records(): number {
    return this.#records
  }

  get isFull(): boolean {
    const { bufferBytes, bufferRecords } = this.#limits
    return this.#records >= bufferRecords || this.#bytes >= bufferBytes
  }

  push(partition: Partition, record: FetchedRecord): void {
    this.#queue.push({ partition, record, id: partition.id })
    this.#bytes += sizeOf(record)
    if (!isEnd(record)) this.#records += 1
  }

  shift(): FetchedPlace | undefined {
    const found = this.#queue[this.#taken]
    if (found === undefined) return undefined
    this.#taken += 1
    this.#bytes -= sizeOf(found.record)
    if (!isEnd(found.record)) this.#records -= 1
    // Compacts occasionally, so that taking a record costs almost nothing.
    if (this.#taken > 1024 && this.#taken * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken)
      this.#taken = 0
    }
    return found
  }

  clear(): void {
    this.#queue = []
    this.#taken = 0
    this.#bytes = 0
    this.#records = 0
  }
}

function sizeOf({ key, value, headers }: FetchedRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + (headers?.length ?? 0)
}

/**
 * Converts a fetched record to a record of a source: the original bytes, truncated if too long, and copied out of the
 * fetch, which would otherwise stay in memory as long as any of its records.
 */
export function recordOf(
  { partition, record, id }: FetchedPlace,
  eventBytes: number,
): SourceRecord {
  const { at, key, timeMs, headers } = record
  const { value, refused } = content(record, eventBytes)
  // Assigned one by one: spreading takes longer than all the rest.
  const made: Writable<SourceRecord> = {
    partition: partition.name,
    position: String(at),
    next: placeText({ offset: at + 1, id }),
    value,
  }
  if (refused !== undefined) made.refused = refused
  if (key !== null) made.key = Buffer.from(key)
  if (headers !== undefined) made.headers = headersOf(headers)
  if (timeMs >= 0) made.timeMs = timeMs
  return made
}

type Writable<Read> = { -readonly [Key in keyof Read]: Read[Key] }

type Content = Pick<SourceRecord, 'value' | 'refused'>

function content({ value, key, refused }: FetchedRecord, eventBytes: number): Content {
  if (value === null) return tombstone(key)
  const cut = Buffer.from(value.subarray(0, eventBytes + 1))
  return refused === undefined ? { value: cut } : { value: cut, refused }
}

/** A tombstone is Kafka's way to delete a key. The event with that id is retracted. */
function tombstone(key: Buffer | null): Content {
  if (key !== null && key.length > 0 && isUtf8(key))
    return { value: Buffer.from(JSON.stringify({ id: key.toString(), retract: true })) }
  const reason = 'the key of this tombstone is not text, so it identifies no event'
  return { value: new Uint8Array(), refused: { code: 'EVENT_INVALID', reason } }
}

/** If a name occurs twice, the last one counts, as in Kafka's own `lastHeader`. */
function headersOf(bytes: Buffer): Readonly<Record<string, string | Uint8Array>> {
  const reader = new Varints(bytes)
  const count = reader.int()
  const entries: [string, string | Uint8Array][] = []
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes()
    const value = reader.bytes()
    if (name !== null && value !== null) entries.push([name.toString(), textOrBytes(value)])
  }
  return Object.fromEntries(entries)
}

function textOrBytes(value: Buffer): string | Uint8Array {
  return isUtf8(value) ? value.toString() : Buffer.from(value)
}

/**
 * Wakes a waiting reader when there may be news. The reader must check again afterwards: a wake-up may be spurious.
 */
export class News {
  readonly #clock: Clock
  readonly #waiting = new Set<AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  tell(): void {
    for (const waiting of this.#waiting) waiting.abort()
  }

  /** Resolves after `waitMs` at the latest; rejects only with the reason of `signal`. */
  async wait(waitMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const waiting = new AbortController()
    const stop = () => waiting.abort()
    this.#waiting.add(waiting)
    signal?.addEventListener('abort', stop)
    try {
      await rest(this.#clock, waitMs, waiting.signal)
    } finally {
      this.#waiting.delete(waiting)
      signal?.removeEventListener('abort', stop)
    }
    signal?.throwIfAborted()
  }
}
