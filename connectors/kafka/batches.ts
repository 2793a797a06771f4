/**
 * Batches as kafkajs hands them over, on their way into the backlog. A batch is accepted only if it starts exactly where the
 * last one ended and belongs to the topic that the position refers to.
 */
import type { Batch, Consumer, EachBatchPayload, OffsetsByTopicPartition } from 'kafkajs'
import { seek, type Assignment, type AssignmentParts } from './assignment.ts'
import { fetchesSoFar } from './fetched.ts'
import type { News } from './news.ts'
import type { Partition } from './partition.ts'
import type { FetchedRecord } from './record-batch.ts'

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
