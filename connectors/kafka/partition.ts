/**
 * One partition as this reader stands in it. What was handed out and what was fetched are told apart, because fetched
 * records are thrown away whenever the group deals its partitions anew.
 */
import { CodedError } from '../../src/contracts.ts'
import type { Ends } from './ends.ts'

export class Partition {
  readonly topic: string
  readonly partition: number
  readonly name: string
  /** The offset after what was handed out; undefined until it is known where to begin. */
  #read: number | undefined
  /** The offset after what was fetched. */
  #fetched: number | undefined
  #ends: Ends = { low: 0, high: 0 }
  /** Where it was found to begin, as long as nobody else was told. */
  #beginning: number | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
    this.name = `${topic}/${partition}`
  }

  get read(): number | undefined {
    return this.#read
  }

  /** Where a fetch must have begun to be the next one. A batch from anywhere else belongs to another time of the group. */
  get expected(): number | undefined {
    return this.#fetched
  }

  get ends(): Ends {
    return this.#ends
  }

  /** Messages that exist and were not fetched. */
  get unfetched(): number {
    return Math.max(0, this.#ends.high - (this.#fetched ?? this.#ends.high))
  }

  begin(offset: number): void {
    this.#read = offset
    this.#fetched = offset
  }

  /** Met for the first time: no checkpoint knows where it began. */
  beginHere(offset: number): void {
    this.begin(offset)
    this.#beginning = offset
  }

  /** Once, and only as long as nothing was read from there. */
  tellBeginning(): number | undefined {
    const beginning = this.#beginning === this.#read ? this.#beginning : undefined
    this.#beginning = undefined
    return beginning
  }

  fetchedTo(offset: number): void {
    this.#fetched = offset
  }

  readTo(offset: number): void {
    this.#read = offset
  }

  /** What was fetched and not handed out counts for nothing any more. */
  forgetFetched(): void {
    this.#fetched = this.#read
  }

  learnEnds({ low, high }: Ends): void {
    this.#ends = { low, high: Math.max(high, this.#fetched ?? 0) }
  }

  learnHigh(high: number): void {
    this.#ends = { low: this.#ends.low, high: Math.max(high, this.#ends.high) }
  }

  /** Why `next` cannot be had where the partition has these ends, or undefined when it can. */
  lossOf(next: number, { low, high }: Ends): CodedError | undefined {
    if (next >= low && next <= high) return undefined
    const where = next < low ? `begins at ${low}` : `ends at ${high}`
    const details = { partition: this.name, next, low, high }
    const message = `Kafka: ${this.name} ${where} and is to be read from ${next}`
    return new CodedError('SOURCE_MISSING', message, { details })
  }
}
