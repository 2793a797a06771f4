/**
 * The partitions that the group has assigned to this member. At each rebalance everything fetched and not yet handed out is
 * dropped, and each partition is sought to the position that was handed out.
 */
import type { Consumer, OffsetsByTopicPartition, Batch, EachBatchPayload } from 'kafkajs'
import { CodedError, rest, type Clock, type Logger } from '../../src/contracts/core.ts'
import type { Backlog, News } from './backlog.ts'
import { type Partition, placeOf } from './partition.ts'
import type { Places } from './places.ts'
import { fetchesSoFar } from './fetched.ts'
import type { FetchedRecord } from './record-batch.ts'

interface AssignmentParts {
  readonly places: Places
  readonly backlog: Backlog
  /** Called when records have been taken. */
  readonly room: News
  readonly clock: Clock
  readonly log: Logger
  readonly group: string
  /** How long other members may have partitions of ours: the group hears late of one that died, and of a new partition. */
  readonly settleMs: number
  /** Aborted when consuming ends. */
  readonly signal: AbortSignal
  /** Asks for the ends of the partitions. Returns whether they are known. */
  readonly look: () => Promise<boolean>
}

const LOOK_AGAIN_MS = 200
/** Partitions that a message names. */
const SHOWN = 5

export class Assignment {
  readonly #parts: AssignmentParts
  #consumer: Consumer | undefined
  #partitions: readonly Partition[] = []
  #generation = 0
  /** Since when another member has had some of our partitions. */
  #sharedMs: number | undefined
  #fault: CodedError | undefined

  constructor(parts: AssignmentParts) {
    this.#parts = parts
  }

  /** Rises with each assignment. */
  get generation(): number {
    return this.#generation
  }

  /** Another member of the group keeps partitions of ours, so that their events do not come here. */
  get fault(): CodedError | undefined {
    return this.#fault
  }

  /** kafkajs calls this while joining, before the first fetch of the new generation. */
  joined(consumer: Consumer, assignment: Readonly<Record<string, readonly number[]>>): void {
    const { places, backlog, room, log } = this.#parts
    this.#generation += 1
    this.#consumer = consumer
    backlog.clear()
    for (const place of places.all) place.forgetFetched()
    this.#partitions = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => places.at(topic, partition)),
    )
    log.debug({ assigned: this.#partitions.map(({ name }) => name) }, 'partitions were assigned')
    const isNew = this.#partitions.filter(({ read }) => read === undefined)
    for (const { topic, partition } of isNew) consumer.pause([{ topic, partitions: [partition] }])
    for (const place of this.#partitions) seek(consumer, place)
    room.tell()
    void this.#settle(consumer, this.#generation, isNew)
  }

  /** The consumer has ended. */
  end(): void {
    this.#partitions = []
    this.#consumer = undefined
    this.#sharedMs = undefined
    this.#fault = undefined
  }

  /** The ends of all partitions are known: compares them with those that were assigned. */
  compare(): void {
    const { places, clock, settleMs, group, log } = this.#parts
    const isOurs = (place: Partition) => this.#partitions.includes(place)
    const others = [...places.all].filter((place) => place.missing !== undefined && !isOurs(place))
    if (this.#consumer === undefined || others.length === 0) {
      if (this.#fault !== undefined)
        log.info({ group }, 'the group gives this source all partitions')
      this.#sharedMs = undefined
      this.#fault = undefined
      return
    }
    const nowMs = clock.monotonicMs()
    this.#sharedMs ??= nowMs
    if (this.#fault !== undefined || nowMs - this.#sharedMs < settleMs) return
    this.#fault = sharedGroup(group, others)
    log.warn({ err: this.#fault }, 'events of other partitions do not come here')
  }

  /** Their next fetch must start elsewhere; without this the consumer would wait at its old position. */
  seekAgain(moved: readonly Partition[]): void {
    for (const place of moved)
      if (this.#consumer && this.#partitions.includes(place)) seek(this.#consumer, place)
  }

  /** The positions of our partitions, as a commit takes them. */
  offsetsOf(positions: ReadonlyMap<string, string>): OffsetsByTopicPartition['topics'] {
    const ours = this.#partitions.filter(({ name }) => positions.has(name))
    for (const place of ours) place.takeBeginning()
    return ours.map(({ topic, partition, name }) => ({
      topic,
      partitions: [{ partition, offset: offsetIn(positions.get(name) ?? '0', name) }],
    }))
  }

  /** Checks that everything still exists, and finds where new partitions begin. */
  async #settle(
    consumer: Consumer,
    generation: number,
    isNew: readonly Partition[],
  ): Promise<void> {
    const isOver = () => generation !== this.#generation || this.#parts.signal.aborted
    while (!isOver() && !(await this.#parts.look())) await this.#pause()
    if (isOver()) return
    try {
      for (const place of isNew) seek(consumer, place)
      for (const { topic, partition } of isNew)
        consumer.resume([{ topic, partitions: [partition] }])
      await this.#commitBeginnings(consumer)
    } catch (err) {
      this.#parts.log.debug(
        { err },
        'the consumer has ended meanwhile, or lost its place in the group',
      )
    }
  }

  /** The start of partitions that the checkpoint does not know yet, so that a restart begins there too. */
  async #commitBeginnings(consumer: Consumer): Promise<void> {
    const beginnings = this.#partitions.flatMap((place) => {
      const { topic, partition } = place
      const offset = place.takeBeginning()
      return offset === undefined ? [] : [{ topic, partition, offset: String(offset) }]
    })
    if (beginnings.length > 0) await consumer.commitOffsets(beginnings)
  }

  async #pause(): Promise<void> {
    await rest(this.#parts.clock, LOOK_AGAIN_MS, this.#parts.signal)
  }
}

function seek(consumer: Consumer, { topic, partition, expected }: Partition): void {
  if (expected !== undefined) consumer.seek({ topic, partition, offset: String(expected) })
}

function sharedGroup(group: string, others: readonly Partition[]): CodedError {
  const names = others.map(({ name }) => name)
  const shown = names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ', …' : '')
  const message = `Kafka: another member of the group ${group} was assigned ${shown}`
  const details = { group, partitions: names.length }
  return new CodedError('GROUP_SHARED', message, { retriable: true, details })
}

/** A Kafka commit carries no topic ids. */
function offsetIn(position: string, partition: string): string {
  return String(placeOf(position, partition).offset)
}

/**
 * Batches as kafkajs hands them over, on their way into the backlog. A batch is accepted only if it starts exactly where the
 * last one ended and belongs to the topic that the position refers to.
 */
export interface BatchesParts extends AssignmentParts {
  readonly assignment: Assignment
  /** Called when records have arrived. */
  readonly news: News
}

/** The group expects a heartbeat while a batch waits for room. */
const BEAT_MS = 1000

export class Batches {
  readonly #parts: BatchesParts
  /** The number of the fetch up to which messages belong to the topics that the places refer to. */
  #knownFetch = -Infinity
  /** How to commit within the present generation; absent before its first batch. */
  commit: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined

  constructor(parts: BatchesParts) {
    this.#parts = parts
  }

  async take(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { places, backlog, news, room, assignment, signal } = this.#parts
    const { batch } = payload
    this.commit = (offsets) => payload.commitOffsetsIfNecessary(offsets)
    const { generation } = assignment
    const place = places.at(batch.topic, batch.partition)
    place.learnHigh(Number(batch.highWatermark))
    const { moves } = place
    if (fetchedFrom(batch) !== place.expected || !(await this.#isOurs(batch)))
      return this.#strayed(consumer, place)
    for (const record of recordsOf(batch)) {
      while (backlog.isFull) {
        news.tell()
        await room.wait(BEAT_MS)
        await payload.heartbeat()
        if (generation !== assignment.generation || signal.aborted) return
      }
      if (place.moves !== moves) {
        seek(consumer, place)
        return
      }
      backlog.push(place, record)
      place.fetchedTo(record.at + 1)
    }
    payload.resolveOffset(batch.lastOffset())
    news.tell()
  }

  /**
   * Kafka fetches by name, so a topic that was created again since may have sent these messages. Checked once per
   * response. If the check fails, the messages are not accepted; they are fetched again.
   */
  async #isOurs(batch: Batch): Promise<boolean> {
    const fetch = recordsOf(batch).at(-1)?.fetch ?? Infinity
    if (fetch <= this.#knownFetch) return true
    const before = fetchesSoFar()
    const isOurs = await this.#parts.places.areSame().catch(() => false)
    if (isOurs) this.#knownFetch = before
    return isOurs
  }

  /**
   * A batch of an earlier generation of the group, or from a position that kafkajs jumped to because ours no longer
   * exists.
   */
  async #strayed(consumer: Consumer, place: Partition): Promise<void> {
    await this.#parts.look()
    if (!this.#parts.signal.aborted) seek(consumer, place)
  }
}

/** Present in kafkajs's batches, but not in their types. */
function fetchedFrom(batch: Batch): number {
  return Number((batch as Batch & { readonly fetchedOffset: string }).fetchedOffset)
}

function recordsOf(batch: Batch): readonly FetchedRecord[] {
  return batch.messages as unknown as readonly FetchedRecord[]
}
