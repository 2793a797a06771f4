/**
 * Moves messages from Kafka into the backlog: runs one kafkajs consumer after another, because one that crashed never
 * comes back. It does not trust the bookkeeping of kafkajs: see `assignment.ts`.
 */
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs'
import { rest, settles, unlessAborted, type CodedError } from '../../src/contracts/core.ts'
import type { RetryDelays } from '../../src/contracts/source.ts'
import { Assignment, Batches, type BatchesParts } from './assignment.ts'
import { codedFailure } from './client.ts'
import { takeOverDecoding, withLimits } from './fetched.ts'

interface ConsumingParts extends Omit<BatchesParts, 'assignment' | 'settleMs' | 'signal' | 'look'> {
  readonly kafka: Kafka
  readonly topics: readonly string[]
  readonly batchBytes: number
  readonly metadataMs: number
  readonly sessionMs: number
  readonly retry: RetryDelays
}

/** How long a fetch waits for a first message. */
const FETCH_MS = 300
/** Size of one fetch, as it is in the log; its records stay in memory while it waits for room. */
const FETCH_BYTES = 4 * 1024 * 1024
const PARTITION_BYTES = 1024 * 1024
const STOP_MS = 5000
/** Consecutive failures. A broker that has just started may refuse known clients for a second. */
const MOST_REFUSALS = 5

export class Consuming {
  readonly #parts: ConsumingParts
  readonly #closing = new AbortController()
  readonly #assignment: Assignment
  readonly #batches: Batches
  #failures = 0
  /** Of the last failure, while there is one. */
  #fault: CodedError | undefined
  #refusals = 0
  #loop: Promise<void> | undefined
  #fatal: CodedError | undefined

  constructor(parts: ConsumingParts) {
    this.#parts = parts
    const group = {
      ...parts,
      settleMs: parts.metadataMs + 2 * parts.sessionMs,
      signal: this.#closing.signal,
      look: async () => this.look(),
    }
    this.#assignment = new Assignment(group)
    this.#batches = new Batches({ ...group, assignment: this.#assignment })
    takeOverDecoding()
  }

  /** The number of reassignments after the first assignment. */
  get rebalances(): number {
    return Math.max(0, this.#assignment.generation - 1)
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** Why nothing, or not everything, is read now, while it is tried again. */
  get fault(): CodedError | undefined {
    return this.#fault ?? this.#assignment.fault
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
    const topics = this.#assignment.offsetsOf(positions)
    if (topics.length > 0) await this.#batches.commit?.({ topics })
  }

  /** Asks for the ends of the partitions. Returns whether they are known; a lost place ends everything. */
  async look(): Promise<boolean> {
    try {
      this.#assignment.seekAgain(await this.#parts.places.look())
      this.#assignment.compare()
      return true
    } catch (error) {
      const failure = codedFailure(error, 'SOURCE_FAILED', 'asking for offsets')
      if (failure.code === 'SOURCE_MISSING') this.#die(failure)
      this.#parts.log.debug({ err: failure }, 'could not get offsets from Kafka')
      return false
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#parts.room.tell()
    await settles(this.#loop ?? Promise.resolve(), 2 * STOP_MS, this.#parts.clock)
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
      this.#assignment.end()
      this.#batches.commit = undefined
      await settles(leave(consumer, started), STOP_MS, this.#parts.clock)
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
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#recovered()
      this.#assignment.joined(consumer, payload.memberAssignment)
    })
    return consumer
  }

  async #run(consumer: Consumer): Promise<void> {
    const { topics, batchBytes } = this.#parts
    const { signal } = this.#closing
    await consumer.connect()
    signal.throwIfAborted()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    signal.throwIfAborted()
    const eachBatch = (payload: EachBatchPayload) => this.#batches.take(consumer, payload)
    const how = { autoCommit: false, eachBatchAutoResolve: false, eachBatch }
    await withLimits({ batchBytes }, () => consumer.run(how))
  }

  async #pause(delayMs: number): Promise<void> {
    await rest(this.#parts.clock, delayMs, this.#closing.signal)
  }

  #failed(error: unknown): CodedError {
    const { log, topics } = this.#parts
    const failure = codedFailure(error, 'SOURCE_FAILED', `reading ${topics.join(', ')}`)
    if (this.#failures === 0) log.warn({ err: failure }, 'Kafka failed, retrying')
    this.#failures += 1
    this.#fault = failure
    return failure
  }

  #recovered(): void {
    const failures = this.#failures
    if (failures > 0) this.#parts.log.info({ failures }, 'consuming from Kafka again')
    this.#failures = 0
    this.#fault = undefined
    this.#refusals = 0
  }

  #die(failure: CodedError): void {
    this.#fatal = failure
    this.#closing.abort()
    this.#parts.news.tell()
    this.#parts.room.tell()
  }
}

/**
 * kafkajs cannot stop a consumer while it joins the group: it would join later and hold partitions without reading
 * them. So let it join first.
 */
async function leave(consumer: Consumer, started: Promise<void>): Promise<void> {
  await started.catch(() => undefined)
  await consumer.disconnect()
}
