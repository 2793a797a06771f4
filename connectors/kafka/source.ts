/**
 * Events of Kafka topics. Positions are offsets by `topic/partition` and belong to the checkpoint; commits to Kafka
 * only make the lag visible. Records are fetched ahead into a bounded backlog and handed out from there.
 */
import { rest, settles, unlessAborted, type Clock, type Logger } from '../../src/contracts/core.ts'
import type {
  LocatedRange,
  OnReset,
  Positions,
  RetryDelays,
  Source,
  SourceRecord,
  SourceStats,
} from '../../src/contracts/source.ts'
import { Resets } from '../resets.ts'
import { Backlog, recordOf, News } from './backlog.ts'
import { openClient } from './client.ts'
import { Consuming } from './consuming.ts'
import { EndsOfTopics } from './ends.ts'
import { isEnd } from './fetched.ts'
import { locate, Places } from './places.ts'
import type { KafkaConnection } from './settings.ts'

export interface KafkaSourceOptions extends KafkaConnection {
  readonly name: string
  readonly topics: readonly string[]
  readonly group: string
  /** Where a partition begins that the checkpoint does not know. */
  readonly from?: 'beginning' | 'end' | undefined
  /** What to do if the position to continue from no longer exists. */
  readonly onLost?: 'stop' | 'skip' | undefined
  /** Where to continue in a topic that was deleted and created again. */
  readonly onReset?: OnReset | undefined
  readonly limits: KafkaLimits
  /** Between a consumer that crashed and the next one. */
  readonly retry: RetryDelays
  readonly clock: Clock
  readonly log: Logger
  /** Maximum age of the partition ends that `lag` uses. */
  readonly lagMs?: number | undefined
  /** How often to look for new partitions. */
  readonly metadataMs?: number | undefined
  /** After this long without a heartbeat, the group assigns our partitions to others. */
  readonly sessionMs?: number | undefined
}

interface KafkaLimits {
  /** A longer value is truncated, one byte over the limit. */
  readonly eventBytes: number
  /** Maximum decompressed size of one batch. */
  readonly batchBytes: number
  /** Limit for records that are fetched and not yet read. */
  readonly bufferBytes: number
  readonly bufferRecords: number
}

export function kafkaSource(options: KafkaSourceOptions): Source {
  return new KafkaSource(options)
}

const LAG_MS = 1000
const METADATA_MS = 30_000
/** A frozen member holds up its group for this long; a fleet takes over within 10 s. */
const SESSION_MS = 6000
/** How long `lag` waits for the brokers before it answers from memory. */
const ASK_MS = 1000

class KafkaSource implements Source {
  readonly name: string
  readonly #options: KafkaSourceOptions
  readonly #ends: EndsOfTopics
  readonly #places: Places
  readonly #resets: Resets
  readonly #backlog: Backlog
  readonly #news: News
  readonly #room: News
  readonly #commits: Commits
  #consuming: Consuming | undefined
  #stats = { records: 0, bytes: 0, refused: 0 }
  #rebalancesBefore = 0
  #askedMs = -Infinity
  #asking: Promise<void> | undefined

  constructor(options: KafkaSourceOptions) {
    const { clock, from = 'beginning', limits, topics, group } = options
    const { onLost = 'stop', onReset = 'start' } = options
    this.name = options.name
    const log = options.log.child({ source: options.name })
    this.#resets = new Resets(clock, log)
    this.#options = { ...options, log }
    this.#ends = new EndsOfTopics(openClient(options, log), topics, group)
    const resets = this.#resets
    this.#places = new Places({ ends: this.#ends, from, onLost, onReset, resets })
    this.#backlog = new Backlog(limits)
    this.#news = new News(clock)
    this.#room = new News(clock)
    this.#commits = new Commits({
      clock,
      log,
      send: async (positions) => this.#consuming?.commit(positions),
    })
  }

  /** Those of its topics. A position says by the topic's id which content it means. */
  async continues(positions: Positions): Promise<Positions> {
    const topics = new Set(this.#options.topics)
    const own = Object.entries(positions).filter(([name]) =>
      topics.has(name.slice(0, Math.max(0, name.lastIndexOf('/')))),
    )
    return Promise.resolve(Object.fromEntries(own))
  }

  async open(from: Positions, signal: AbortSignal): Promise<void> {
    await this.close()
    this.#backlog.clear()
    this.#places.restore(from)
    const consuming = this.#consumer()
    this.#consuming = consuming
    await consuming.start(signal)
    this.#askedMs = this.#options.clock.monotonicMs()
  }

  async read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]> {
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + limits.waitMs
    for (;;) {
      signal.throwIfAborted()
      const taken = this.#take(limits.records)
      if (taken.length > 0) return taken
      if (this.#consuming?.fatal !== undefined) throw this.#consuming.fatal
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) return []
      await this.#news.wait(leftMs, signal)
    }
  }

  async commit(positions: Positions): Promise<void> {
    this.#commits.add(positions)
  }

  /** From memory if the brokers are slow or away. */
  async lag(): Promise<number> {
    const { clock, lagMs = LAG_MS } = this.#options
    if (this.#asking === undefined && clock.monotonicMs() - this.#askedMs >= lagMs) {
      this.#asking = this.#ask()
      await settles(this.#asking, ASK_MS, clock)
    }
    let unfetched = 0
    for (const place of this.#places.all) unfetched += place.unfetched
    return unfetched + this.#backlog.records
  }

  stats(): SourceStats {
    const rebalances = this.#rebalancesBefore + (this.#consuming?.rebalances ?? 0)
    const { code, message } = this.#consuming?.fault ?? {}
    const fault = code !== undefined && message !== undefined && { code, message }
    return { ...this.#stats, rebalances, ...this.#resets.stats, ...fault }
  }

  async locate(to: string, from: Positions, signal: AbortSignal): Promise<readonly LocatedRange[]> {
    try {
      return locate(to, from, await unlessAborted(this.#ends.ask(), signal))
    } finally {
      await this.#ends.close()
    }
  }

  async close(): Promise<void> {
    if (this.#consuming === undefined) return
    await this.#commits.close()
    await this.#consuming.close()
    this.#rebalancesBefore += this.#consuming.rebalances
    this.#consuming = undefined
    await this.#ends.close()
  }

  #consumer(): Consuming {
    const { topics, group, limits, metadataMs, sessionMs, retry, clock, log } = this.#options
    return new Consuming({
      kafka: openClient(this.#options, log),
      topics,
      group,
      batchBytes: limits.batchBytes,
      metadataMs: metadataMs ?? METADATA_MS,
      sessionMs: sessionMs ?? SESSION_MS,
      places: this.#places,
      backlog: this.#backlog,
      news: this.#news,
      room: this.#room,
      retry,
      clock,
      log,
    })
  }

  #take(count: number): readonly SourceRecord[] {
    const { eventBytes } = this.#options.limits
    const taken: SourceRecord[] = []
    while (taken.length < count) {
      const fetched = this.#backlog.shift()
      if (fetched === undefined) break
      fetched.partition.readTo(fetched.record.at + 1, fetched.id)
      if (isEnd(fetched.record)) continue
      const record = recordOf(fetched, eventBytes)
      this.#count(record, eventBytes)
      taken.push(record)
    }
    this.#room.tell()
    return taken
  }

  #count({ value, refused }: SourceRecord, eventBytes: number): void {
    this.#stats.records += 1
    this.#stats.bytes += value.length
    if (refused !== undefined || value.length > eventBytes) this.#stats.refused += 1
  }

  async #ask(): Promise<void> {
    await this.#consuming?.look()
    this.#askedMs = this.#options.clock.monotonicMs()
    this.#asking = undefined
  }
}

/**
 * Commits the trainer's position to Kafka at intervals, so that the usual tools see its lag. Commits are advice: only
 * the newest counts, one is in flight at a time, and a failed one is repeated unless a newer one exists by then.
 */
export interface CommitsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly send: (positions: ReadonlyMap<string, string>) => Promise<void>
}

const EVERY_MS = 1000
const LAST_MS = 1000

export class Commits {
  readonly #options: CommitsOptions
  #unsent = new Map<string, string>()
  #sending: Promise<void> | undefined
  #waiting: AbortController | undefined

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  add(positions: Positions): void {
    for (const [name, position] of Object.entries(positions)) this.#unsent.set(name, position)
    this.#sending ??= this.#sendOn()
  }

  /** Sends the last commit, if that is possible soon. */
  async close(): Promise<void> {
    this.#waiting?.abort()
    await settles(this.#sending ?? Promise.resolve(), LAST_MS, this.#options.clock)
    await settles(this.#send(), LAST_MS, this.#options.clock)
  }

  async #sendOn(): Promise<void> {
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    while (this.#unsent.size > 0 && !signal.aborted) {
      await this.#send()
      await rest(this.#options.clock, EVERY_MS, signal)
    }
    this.#sending = undefined
  }

  async #send(): Promise<void> {
    const positions = this.#unsent
    this.#unsent = new Map()
    if (positions.size === 0) return
    try {
      await this.#options.send(positions)
    } catch (err) {
      this.#unsent = new Map([...positions, ...this.#unsent])
      this.#options.log.debug({ err }, 'Kafka did not accept a commit')
    }
  }
}
