/**
 * Moves messages from Kafka into the backlog: runs one kafkajs consumer after another, because one that crashed never
 * comes back.
 *
 * It does not trust the bookkeeping of kafkajs. At each rebalance it drops everything fetched and not yet handed out,
 * and seeks each partition to the position that was handed out. It accepts a batch only if the batch starts exactly
 * where the last one ended.
 */
import type { Batch, Consumer, EachBatchPayload, Kafka, OffsetsByTopicPartition } from 'kafkajs'
import type { Clock, CodedError, Logger } from '../../src/contracts/core.ts'
import type { RetryDelays } from '../../src/contracts/stream.ts'
import type { Backlog } from './backlog.ts'
import { unlessAborted, within } from './deadline.ts'
import { codedFailure } from './failures.ts'
import { fetchesSoFar, takeOverDecoding, withLimits } from './fetched.ts'
import type { News } from './news.ts'
import type { Partition } from './partition.ts'
import { placeOf } from './place.ts'
import type { Places } from './places.ts'
import type { FetchedRecord } from './record-batch.ts'

export interface ConsumingParts {
  readonly kafka: Kafka
  readonly topics: readonly string[]
  readonly group: string
  readonly batchBytes: number
  readonly metadataMs: number
  readonly sessionMs: number
  readonly places: Places
  readonly backlog: Backlog
  /** Called when records have arrived. */
  readonly news: News
  /** Called when records have been taken. */
  readonly room: News
  readonly retry: RetryDelays
  readonly clock: Clock
  readonly log: Logger
}

/** How long a fetch waits for a first message. */
const FETCH_MS = 300
/** Size of one fetch, as it is in the log; its records stay in memory while it waits for room. */
const FETCH_BYTES = 4 * 1024 * 1024
const PARTITION_BYTES = 1024 * 1024
const BEAT_MS = 1000
const LOOK_AGAIN_MS = 200
const STOP_MS = 5000
/** Consecutive failures. A broker that has just started may refuse known clients for a second. */
const MOST_REFUSALS = 5

export class Consuming {
  readonly #parts: ConsumingParts
  readonly #closing = new AbortController()
  #consumer: Consumer | undefined
  /** The partitions assigned to us in the present generation of the group. */
  #assigned: readonly Partition[] = []
  #generation = 0
  /** The number of the fetch up to which messages belong to the topics that the places refer to. */
  #knownFetch = -Infinity
  #commit: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined
  #failures = 0
  #refusals = 0
  #loop: Promise<void> | undefined
  #fatal: CodedError | undefined

  constructor(parts: ConsumingParts) {
    this.#parts = parts
    takeOverDecoding()
  }

  /** The number of reassignments after the first assignment. */
  get rebalances(): number {
    return Math.max(0, this.#generation - 1)
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** An error that waiting does not fix. */
  get fatal(): CodedError | undefined {
    return this.#fatal
  }

  /**
   * Resolves when consuming has begun, even if it only keeps retrying; rejects with an error that waiting does not fix.
   */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await unlessAborted(this.#parts.places.look(), signal)
    } catch (error) {
      signal.throwIfAborted()
      const failure = this.#failed(error)
      if (!failure.retriable) throw failure
    }
    this.#loop = this.#consumeOn()
  }

  /** Positions of our present partitions; another member reads the others. */
  async commit(positions: ReadonlyMap<string, string>): Promise<void> {
    const ours = this.#assigned.filter(({ name }) => positions.has(name))
    if (ours.length === 0) return
    for (const place of ours) place.tellBeginning()
    const topics = ours.map(({ topic, partition, name }) => ({
      topic,
      partitions: [{ partition, offset: offsetIn(positions.get(name) ?? '0', name) }],
    }))
    await this.#commit?.({ topics })
  }

  /** Asks for the ends of the partitions. Returns whether they are known; a lost place ends everything. */
  async look(): Promise<boolean> {
    try {
      this.#seekAgain(await this.#parts.places.look())
      return true
    } catch (error) {
      const failure = codedFailure(error, 'SOURCE_FAILED', 'asking for offsets')
      if (failure.code === 'SOURCE_MISSING') this.#die(failure)
      this.#parts.log.debug({ err: failure }, 'could not get offsets from Kafka')
      return false
    }
  }

  /** Their next fetch must start elsewhere; without this the consumer would wait at its old position. */
  #seekAgain(moved: readonly Partition[]): void {
    for (const place of moved)
      if (this.#consumer && this.#assigned.includes(place)) seek(this.#consumer, place)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#parts.room.tell()
    await within(this.#parts.clock, 2 * STOP_MS, this.#loop ?? Promise.resolve())
  }

  async #consumeOn(): Promise<void> {
    for (;;) {
      if (this.#failures > 0) await this.#pause(this.#parts.retry.delayMs(this.#failures - 1))
      const error = await this.#consume()
      if (this.#isClosing) return
      const failure = this.#failed(error)
      this.#refusals = failure.retriable ? 0 : this.#refusals + 1
      if (this.#refusals >= MOST_REFUSALS) {
        this.#die(failure)
        return
      }
    }
  }

  /** Runs one consumer until it crashes or everything ends. Returns the reason. */
  async #consume(): Promise<unknown> {
    const consumer = this.#makeConsumer()
    const crashed = new Promise((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
    })
    const started = this.#run(consumer)
    try {
      const running = started.then(() => crashed)
      return await unlessAborted(running, this.#closing.signal)
    } catch (error) {
      return error
    } finally {
      this.#assigned = []
      this.#consumer = undefined
      this.#commit = undefined
      await within(this.#parts.clock, STOP_MS, leave(consumer, started))
    }
  }

  #makeConsumer(): Consumer {
    const { kafka, group, sessionMs, metadataMs } = this.#parts
    const consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: 2 * sessionMs,
      heartbeatInterval: Math.min(3000, sessionMs / 3),
      metadataMaxAge: metadataMs,
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: FETCH_MS,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: PARTITION_BYTES,
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 1000,
        retries: 4,
        restartOnFailure: async () => false,
      },
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      this.#joined(consumer, payload.memberAssignment),
    )
    return consumer
  }

  async #run(consumer: Consumer): Promise<void> {
    const { topics, batchBytes } = this.#parts
    const { signal } = this.#closing
    await consumer.connect()
    signal.throwIfAborted()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    signal.throwIfAborted()
    const eachBatch = (payload: EachBatchPayload) => this.#take(consumer, payload)
    const how = { autoCommit: false, eachBatchAutoResolve: false, eachBatch }
    await withLimits({ batchBytes }, () => consumer.run(how))
  }

  /** kafkajs calls this while joining, before the first fetch of the new generation. */
  #joined(consumer: Consumer, assignment: Readonly<Record<string, readonly number[]>>): void {
    const { places, backlog, room, log } = this.#parts
    this.#generation += 1
    this.#consumer = consumer
    if (this.#failures > 0) log.info({ failures: this.#failures }, 'consuming from Kafka again')
    this.#failures = 0
    this.#refusals = 0
    backlog.clear()
    for (const place of places.all) place.forgetFetched()
    this.#assigned = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => places.at(topic, partition)),
    )
    log.debug({ assigned: this.#assigned.map(({ name }) => name) }, 'partitions were assigned')
    const isNew = this.#assigned.filter(({ read }) => read === undefined)
    for (const { topic, partition } of isNew) consumer.pause([{ topic, partitions: [partition] }])
    for (const place of this.#assigned) seek(consumer, place)
    room.tell()
    void this.#settle(consumer, this.#generation, isNew)
  }

  /** Checks that everything still exists, and finds where new partitions begin. */
  async #settle(
    consumer: Consumer,
    generation: number,
    isNew: readonly Partition[],
  ): Promise<void> {
    const isOver = () => generation !== this.#generation || this.#isClosing
    while (!isOver() && !(await this.look())) await this.#pause(LOOK_AGAIN_MS)
    if (isOver()) return
    try {
      for (const place of isNew) seek(consumer, place)
      for (const { topic, partition } of isNew)
        consumer.resume([{ topic, partitions: [partition] }])
      await this.#tellBeginnings(consumer)
    } catch (err) {
      this.#parts.log.debug(
        { err },
        'the consumer has ended meanwhile, or lost its place in the group',
      )
    }
  }

  /** The start of partitions that the checkpoint does not know yet, so that a restart begins there too. */
  async #tellBeginnings(consumer: Consumer): Promise<void> {
    const beginnings = this.#assigned.flatMap((place) => {
      const { topic, partition } = place
      const offset = place.tellBeginning()
      return offset === undefined ? [] : [{ topic, partition, offset: String(offset) }]
    })
    if (beginnings.length > 0) await consumer.commitOffsets(beginnings)
  }

  async #take(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const { places, backlog, news, room } = this.#parts
    const { batch } = payload
    this.#commit = (offsets) => payload.commitOffsetsIfNecessary(offsets)
    const generation = this.#generation
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
        if (generation !== this.#generation || this.#isClosing) return
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
    await this.look()
    if (!this.#isClosing) seek(consumer, place)
  }

  async #pause(delayMs: number): Promise<void> {
    await this.#parts.clock.sleep(delayMs, this.#closing.signal).catch(() => undefined)
  }

  #failed(error: unknown): CodedError {
    const { log, topics } = this.#parts
    const failure = codedFailure(error, 'SOURCE_FAILED', `reading ${topics.join(', ')}`)
    if (this.#failures === 0) log.warn({ err: failure }, 'Kafka failed, retrying')
    this.#failures += 1
    return failure
  }

  #die(failure: CodedError): void {
    this.#fatal = failure
    this.#closing.abort()
    this.#parts.news.tell()
    this.#parts.room.tell()
  }
}

/**
 * kafkajs cannot stop a consumer while it joins the group: it would join later and hold partitions that nobody reads.
 * So let it join first.
 */
async function leave(consumer: Consumer, started: Promise<void>): Promise<void> {
  await started.catch(() => undefined)
  await consumer.disconnect()
}

function seek(consumer: Consumer, { topic, partition, expected }: Partition): void {
  if (expected !== undefined) consumer.seek({ topic, partition, offset: String(expected) })
}

/** A Kafka commit carries no topic ids. */
function offsetIn(position: string, partition: string): string {
  return String(placeOf(position, partition).offset)
}

/** Present in kafkajs's batches, but not in their types. */
function fetchedFrom(batch: Batch): number {
  return Number((batch as Batch & { readonly fetchedOffset: string }).fetchedOffset)
}

function recordsOf(batch: Batch): readonly FetchedRecord[] {
  return batch.messages as unknown as readonly FetchedRecord[]
}
