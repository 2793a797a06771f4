/**
 * Decodes a broker's record batches (message format 2, KIP-98) to records, each batch under limits: a batch that is too
 * large or unreadable becomes one record in place of all its records, so that the stream continues and no loss is
 * silent.
 */
import { codecName, inflate } from './inflate.ts'
import { TooLarge } from './inflated.ts'

/** In the shape that kafkajs passes on; the fields below `value` are ours. */
export interface FetchedRecord {
  readonly offset: string
  readonly isControlRecord: boolean
  readonly batchContext: BatchContext
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly at: number
  readonly timeMs: number
  /** The raw headers of the record; undefined when there are none. */
  readonly headers?: Buffer
  readonly refused?: Refusal
  /** For the marker that ends a partition's messages: the fetch it came with. */
  readonly fetch?: number
}

interface Refusal {
  readonly code: 'EVENT_TOO_LARGE' | 'EVENT_MALFORMED'
  readonly reason: string
}

/** kafkajs uses this to find the records of aborted transactions. */
interface BatchContext {
  readonly producerId: string
  readonly inTransaction: boolean
}

export interface BatchLimits {
  /** Maximum decompressed size of one batch. */
  readonly batchBytes: number
}

interface DecodedBatch {
  readonly records: readonly FetchedRecord[]
  /** Their approximate size in memory. */
  readonly costBytes: number
}

/** Base offset, length. Both message formats begin like this. */
const PREFIX_BYTES = 12
const HEADER_BYTES = 61
const MAGIC_AT = 16
/** The size of a record besides its bytes. */
const RECORD_COST_BYTES = 200
/**
 * A record in a decompressed batch may take only seven bytes; a full batch of these would take a gigabyte as objects.
 */
const MOST_RECORDS = 200_000

/** Length of the batch at the beginning of `bytes`, or undefined if it is incomplete. */
export function batchLength(bytes: Buffer): number | undefined {
  if (bytes.length <= PREFIX_BYTES + MAGIC_AT) return undefined
  const length = PREFIX_BYTES + bytes.readInt32BE(8)
  return length > bytes.length || length <= PREFIX_BYTES ? undefined : length
}

/** One complete batch. Never throws, whatever the bytes. */
export function decodeBatch(batch: Buffer, limits: BatchLimits): DecodedBatch {
  try {
    if (batch.readInt8(MAGIC_AT) !== 2) throw new Error('a message format older than Kafka 0.11')
    return records(batch, limits)
  } catch (error) {
    const record = refusal(batch, error)
    return { records: [record], costBytes: record.value?.length ?? 0 }
  }
}

function records(batch: Buffer, limits: BatchLimits): DecodedBatch {
  const attributes = batch.readInt16BE(21)
  const count = batch.readInt32BE(57)
  if (count > MOST_RECORDS) throw new TooMany(count)
  const codec = attributes & 7
  const packed = batch.subarray(HEADER_BYTES)
  const bytes = codec === 0 ? packed : named(codec, () => inflate(codec, packed, limits.batchBytes))
  const context = {
    producerId: String(batch.readBigInt64BE(43)),
    inTransaction: (attributes & 0x10) !== 0,
  }
  const times = {
    first: Number(batch.readBigInt64BE(27)),
    // The broker's own time is only in the header.
    appended: (attributes & 8) === 0 ? undefined : Number(batch.readBigInt64BE(35)),
  }
  const head = { base: baseOffset(batch), times, context, isControl: (attributes & 0x20) !== 0 }
  const reader = new Varints(bytes)
  const found: FetchedRecord[] = []
  for (let index = 0; index < count; index += 1) found.push(record(reader, head))
  return { records: found, costBytes: bytes.length + count * RECORD_COST_BYTES }
}

interface BatchHead {
  readonly base: number
  readonly times: { readonly first: number; readonly appended: number | undefined }
  readonly context: BatchContext
  readonly isControl: boolean
}

function record(reader: Varints, head: BatchHead): FetchedRecord {
  const end = reader.int() + reader.at
  reader.skip(1)
  const timeMs = head.times.first + reader.long()
  const at = head.base + reader.int()
  const key = reader.bytes()
  const value = reader.bytes()
  const headers = reader.rest(end)
  return {
    offset: String(at),
    at,
    timeMs: head.times.appended ?? timeMs,
    key,
    value,
    isControlRecord: head.isControl,
    batchContext: head.context,
    ...(headers.length > 1 && { headers }),
  }
}

/** Placed at the last offset of its batch: a consumer that has read it has passed the whole batch. */
function refusal(batch: Buffer, error: unknown): FetchedRecord {
  const isNew = batch.readInt8(MAGIC_AT) === 2 && batch.length >= HEADER_BYTES
  const at = baseOffset(batch) + (isNew ? batch.readInt32BE(23) : 0)
  const isLarge = error instanceof TooLarge || error instanceof TooMany
  const what = error instanceof Error ? error.message : String(error)
  const whole = isNew ? `a batch of ${batch.readInt32BE(57)} messages: ` : ''
  return {
    offset: String(at),
    at,
    timeMs: isNew ? Number(batch.readBigInt64BE(35)) : 0,
    key: null,
    value: batch,
    isControlRecord: false,
    batchContext: NO_TRANSACTION,
    refused: {
      code: isLarge ? 'EVENT_TOO_LARGE' : 'EVENT_MALFORMED',
      reason: `${whole}${what}`,
    },
  }
}

class TooMany extends Error {
  constructor(count: number) {
    super(`${count} messages, at most ${MOST_RECORDS}`)
  }
}

function named<Result>(codec: number, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof Error) error.message = `${codecName(codec)}: ${error.message}`
    throw error
  }
}

/** Exact up to 2⁵³, which a topic with a million messages a second reaches in 285 years. */
function baseOffset(batch: Buffer): number {
  return Number(batch.readBigInt64BE(0))
}

export const NO_TRANSACTION: BatchContext = { producerId: '-1', inTransaction: false }

/** Reads the zigzag varints of Kafka's records, and the byte strings with these lengths. */

export class Varints {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  skip(count: number): void {
    this.#at += count
  }

  /** 32 bits. */
  int(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new Error('a number in a record does not end')
  }

  /** 64 bits, exact up to 2⁵³. */
  long(): number {
    let value = 0
    for (let place = 1; place < 2 ** 64; place *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * place
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new Error('a number in a record does not end')
  }

  /** A view of the next string; null if its length is −1. */
  bytes(): Buffer | null {
    const length = this.int()
    return length < 0 ? null : this.rest(this.#at + length)
  }

  /** Everything up to `end`. */
  rest(end: number): Buffer {
    if (end < this.#at || end > this.#bytes.length) throw new Error('a record is truncated')
    const found = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return found
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new Error('a record is truncated')
    this.#at += 1
    return byte
  }
}
