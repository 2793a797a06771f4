/**
 * The partitions that the group has assigned to this member. At each rebalance everything fetched and not yet handed out is
 * dropped, and each partition is sought to the position that was handed out.
 */
import type { Consumer, OffsetsByTopicPartition } from 'kafkajs'
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type { Backlog } from './backlog.ts'
import type { News } from './news.ts'
import type { Partition } from './partition.ts'
import { placeOf } from './place.ts'
import type { Places } from './places.ts'

export interface AssignmentParts {
  readonly places: Places
  readonly backlog: Backlog
  readonly room: News
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when consuming ends. */
  readonly signal: AbortSignal
  /** Asks for the ends of the partitions. Returns whether they are known. */
  readonly look: () => Promise<boolean>
}

const LOOK_AGAIN_MS = 200

export class Assignment {
  readonly #parts: AssignmentParts
  #consumer: Consumer | undefined
  #partitions: readonly Partition[] = []
  #generation = 0

  constructor(parts: AssignmentParts) {
    this.#parts = parts
  }

  /** Rises with each assignment. */
  get generation(): number {
    return this.#generation
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
    await this.#parts.clock.sleep(LOOK_AGAIN_MS, this.#parts.signal).catch(() => undefined)
  }
}

export function seek(consumer: Consumer, { topic, partition, expected }: Partition): void {
  if (expected !== undefined) consumer.seek({ topic, partition, offset: String(expected) })
}

/** A Kafka commit carries no topic ids. */
function offsetIn(position: string, partition: string): string {
  return String(placeOf(position, partition).offset)
}
