/**
 * One partition in the view of this reader. It tracks what was handed out and what was fetched separately, because each
 * rebalance drops fetched records.
 */
import { CodedError } from '../../src/contracts/core.ts'
import type { Ends } from './ends.ts'

/** The content that a place refers to: the topic's id; undefined if the brokers have no ids. */
export type ContentId = string | undefined

export class Partition {
  readonly topic: string
  readonly partition: number
  readonly name: string
  /** The offset after the last record handed out; undefined until the start is known. */
  #read: number | undefined
  /** The offset after the last record fetched. */
  #fetched: number | undefined
  #ends: Ends = { low: 0, high: 0 }
  #readId: ContentId
  #fetchedId: ContentId
  #moves = 0
  /** Fetched and not handed out; records of older content are handed out before newer ones. */
  #queued = 0
  /** The end of the content of `#fetchedId` when the brokers were last asked. */
  #askedHigh: number | undefined
  /** The position where it was found to begin, until it is reported. */
  #beginning: number | undefined

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
    this.name = `${topic}/${partition}`
  }

  get read(): number | undefined {
    return this.#read
  }

  /** Where the next fetch must begin. A batch from anywhere else belongs to an earlier generation of the group. */
  get expected(): number | undefined {
    return this.#fetched
  }

  /** The topic id of the present fetches. */
  get id(): ContentId {
    return this.#fetchedId
  }

  get ends(): Ends {
    return this.#ends
  }

  /** The number of moves: a batch fetched before a move does not continue from here. */
  get moves(): number {
    return this.#moves
  }

  /** As far as it is known. */
  get missing(): number | undefined {
    if (this.#askedHigh === undefined || this.#fetched === undefined) return undefined
    return Math.max(0, this.#askedHigh - this.#fetched)
  }

  /** Messages that exist and were not fetched. */
  get unfetched(): number {
    return Math.max(0, this.#ends.high - (this.#fetched ?? this.#ends.high))
  }

  begin(offset: number, id?: ContentId): void {
    this.#read = offset
    this.#readId = id
    this.moveTo(offset, id)
  }

  /** Fetches different content from here on; the backlog is handed out first. */
  moveTo(offset: number, id: ContentId): void {
    this.#moves += 1
    this.#fetched = offset
    this.#fetchedId = id
    this.#askedHigh = undefined
    if (this.#queued > 0) return
    this.#read = offset
    this.#readId = id
  }

  /** A new partition: no checkpoint knows where it begins. */
  beginHere(offset: number, id: ContentId): void {
    this.begin(offset, id)
    this.#beginning = offset
  }

  /** Returned once. A commit of a later offset clears it first, so that it is not reported afterwards. */
  takeBeginning(): number | undefined {
    const beginning = this.#beginning
    this.#beginning = undefined
    return beginning
  }

  fetchedTo(offset: number): void {
    this.#fetched = offset
    this.#queued += 1
  }

  readTo(offset: number, id: ContentId): void {
    this.#read = offset
    this.#readId = id
    this.#queued -= 1
  }

  /** Drops records that were fetched and not handed out. */
  forgetFetched(): void {
    this.#fetched = this.#read
    this.#fetchedId = this.#readId
    this.#queued = 0
  }

  /** Where the present content begins and ends. A place without an id, from before there were ids, belongs to it. */
  learnEnds({ low, high, id }: Ends): void {
    this.#readId ??= id
    this.#fetchedId ??= id
    this.#askedHigh = high
    this.#ends = { low, high: Math.max(high, this.#fetched ?? 0) }
  }

  learnHigh(high: number): void {
    this.#ends = { low: this.#ends.low, high: Math.max(high, this.#ends.high) }
  }
}

/**
 * A place in a partition as the checkpoint stores it: `1234@<topic id>`, or `1234` if the brokers have no ids.
 */
interface Place {
  readonly offset: number
  readonly id: ContentId
}

export function placeText({ offset, id }: Place): string {
  return id === undefined ? String(offset) : `${offset}@${id}`
}

export function placeOf(text: string, partition: string): Place {
  const [, offset, id] = /^(\d{1,16})(?:@([\w-]{22}))?$/.exec(text) ?? []
  if (offset !== undefined && Number.isSafeInteger(Number(offset)))
    return { offset: Number(offset), id }
  const details = { partition, position: text }
  throw new CodedError('SOURCE_MISSING', `Kafka: no position ${partition} = ${text}`, { details })
}
