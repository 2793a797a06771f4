/**
 * One partition as this reader stands in it. What was handed out and what was fetched are told apart, because fetched
 * records are thrown away whenever the group deals its partitions anew.
 */
import type { Ends } from './ends.ts'

/** Of which content a place speaks: the topic's id; undefined where the brokers have none. */
export type ContentId = string | undefined

export class Partition {
  readonly topic: string
  readonly partition: number
  readonly name: string
  /** The offset after what was handed out; undefined until it is known where to begin. */
  #read: number | undefined
  /** The offset after what was fetched. */
  #fetched: number | undefined
  #ends: Ends = { low: 0, high: 0 }
  #readId: ContentId
  #fetchedId: ContentId
  #moves = 0
  /** Fetched and not handed out: what was fetched of older content is handed out before newer. */
  #queued = 0
  /** Where the content of `#fetchedId` ended when the brokers were last asked. */
  #askedHigh: number | undefined
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

  /** Of what is fetched now. */
  get id(): ContentId {
    return this.#fetchedId
  }

  get ends(): Ends {
    return this.#ends
  }

  /** How often it had to move: a batch that was fetched before a move does not go on from here. */
  get moves(): number {
    return this.#moves
  }

  /** As far as is known. */
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

  /** Other content is fetched from here on; what is in the backlog is handed out before it. */
  moveTo(offset: number, id: ContentId): void {
    this.#moves += 1
    this.#fetched = offset
    this.#fetchedId = id
    this.#askedHigh = undefined
    if (this.#queued > 0) return
    this.#read = offset
    this.#readId = id
  }

  /** Met for the first time: no checkpoint knows where it began. */
  beginHere(offset: number, id: ContentId): void {
    this.begin(offset, id)
    this.#beginning = offset
  }

  /** Once. A commit of a later offset takes it first, so that it is not reported after that. */
  tellBeginning(): number | undefined {
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

  /** What was fetched and not handed out counts for nothing any more. */
  forgetFetched(): void {
    this.#fetched = this.#read
    this.#fetchedId = this.#readId
    this.#queued = 0
  }

  /** Where the present content begins and ends. A place from before there were ids belongs to it. */
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
