/** Fetched records that have not been read yet, in order of arrival, bounded in number and in bytes. */
import { isEnd } from './fetched.ts'
import type { FetchedRecord } from './record-batch.ts'
import type { ContentId, Partition } from './partition.ts'

export interface FetchedPlace {
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
