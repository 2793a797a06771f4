/**
 * Redis Streams: each stream is a partition, read with plain reads after the checkpoint's place. No consumer group: the
 * checkpoint is the truth. A commit writes the position to a hash beside the stream (`readKeyOf`), so that producers
 * know what they may trim.
 */
import { CodedError, unlessAborted, type Clock, type Logger } from '../../src/contracts/core.ts'
import type { RedisCommands } from '../../src/contracts/connector.ts'
import type {
  LocatedRange,
  Positions,
  Source,
  SourceRecord,
  SourceReset,
  SourceStats,
} from '../../src/contracts/source.ts'
import { Resets } from '../resets.ts'
import {
  noteCommitted,
  lagAfter,
  lookAt,
  readStream,
  type StreamOptions,
  placeOf,
  placeText,
  start,
  type Place,
  type StreamInfo,
} from './stream.ts'

export interface RedisSourceOptions {
  readonly name: string
  readonly redis: RedisCommands
  /**
   * A separate connection for blocking reads; without it the streams are polled. Not for streams in several Cluster
   * slots.
   */
  readonly waiter?: RedisCommands
  readonly streams: readonly string[]
  /** The reader's name: its position is stored beside each stream under it. */
  readonly model: string
  /** Where a stream begins that the checkpoint does not know. */
  readonly from?: 'beginning' | 'end'
  /** A longer value is truncated, one byte over the limit. */
  readonly eventBytes: number
  /** For one of many trainers: a commit under an older epoch than the key holds is refused. */
  readonly fence?: { readonly key: string; readonly epoch: () => number }
  readonly clock: Clock
  readonly log: Logger
  /** Called when a stream had lost what was read, and is read again. */
  readonly onRestart?: (stream: string) => void
}

export function redisSource(options: RedisSourceOptions): Source {
  return new RedisSource(options)
}

/**
 * The hash with a model's position: `id` (last entry learned), `entries`, `at`. In a Cluster it is in the slot of its
 * stream.
 */
export function readKeyOf(stream: string, model: string): string {
  return `${/\{.+\}/.test(stream) ? stream : `{${stream}}`}:read:${model}`
}

/** Shorter than the command timeout of any connection. */
const BLOCK_MS = 200
const POLL_MS = 50

class RedisSource implements Source {
  readonly name: string
  readonly #options: RedisSourceOptions
  readonly #streams: readonly StreamOptions[]
  readonly #places = new Map<string, Place>()
  readonly #resets: Resets
  #turn = 0
  /** A blocking read that may still be running although its caller gave up. */
  #blocked: Promise<boolean> | undefined
  #stats: SourceStats = { records: 0, bytes: 0, rebalances: 0, refused: 0 }

  constructor(options: RedisSourceOptions) {
    this.name = options.name
    this.#options = options
    const { redis, model, eventBytes, clock, onRestart = () => undefined } = options
    const log = options.log.child({ source: options.name })
    const resets = new Resets(clock, log)
    this.#resets = resets
    const shared = {
      ...{ redis, eventBytes, log },
      onRestart(reset: Omit<SourceReset, 'timeMs'>) {
        // Into the stream of a fleet the daemons send again what was not learned: their inboxes keep it until then.
        resets.add(options.fence === undefined ? reset : { missing: 0, ...reset })
        onRestart(reset.partition)
      },
    }
    this.#streams = options.streams.map((stream) => ({
      ...shared,
      stream,
      readKey: readKeyOf(stream, model),
    }))
  }

  async open(from: Positions): Promise<void> {
    for (const options of this.#streams) {
      const { stream } = options
      const known = from[stream]
      const place = known === undefined ? await this.#beginning(stream) : placeOf(known, stream)
      // Read before an earlier reader's position is overwritten: it may say where to continue.
      const settled = await readStream(options, place, 0)
      this.#places.set(stream, settled.place)
    }
    // A producer that trims by an earlier reader's position must learn that this reader is further back.
    await this.commit(
      Object.fromEntries([...this.#places].map(([at, place]) => [at, placeText(place)])),
    )
  }

  async read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]> {
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + limits.waitMs
    const leftMs = () => untilMs - clock.monotonicMs()
    for (;;) {
      signal.throwIfAborted()
      const records = await this.#take(limits.records)
      if (records.length > 0 || leftMs() <= 0) return records
      const mayHaveMore = await this.#wait(leftMs(), signal)
      if (!mayHaveMore && leftMs() <= 0) return []
    }
  }

  async commit(positions: Positions): Promise<void> {
    const { fence } = this.#options
    const guard = fence && { key: fence.key, epoch: fence.epoch() }
    for (const options of this.#streams) {
      const text = positions[options.stream]
      if (text !== undefined) await noteCommitted(options, placeOf(text, options.stream), guard)
    }
  }

  async lag(): Promise<number> {
    let sum = 0
    for (const { stream } of this.#streams) {
      const info = await lookAt(this.#options.redis, stream)
      if (info === undefined) continue
      const { lag, place } = lagAfter(this.#placeIn(stream), info)
      this.#places.set(stream, place)
      sum += lag
    }
    return sum
  }

  stats(): SourceStats {
    return { ...this.#stats, ...this.#resets.stats }
  }

  async locate(to: string, from: Positions): Promise<readonly LocatedRange[]> {
    const { redis } = this.#options
    const look = async ({ stream }: StreamOptions) =>
      locate(to, from[stream], stream, await lookAt(redis, stream))
    return Promise.all(this.#streams.map(look))
  }

  async close(): Promise<void> {
    // The connections belong to the caller; a blocking read ends by itself.
  }

  async #beginning(stream: string): Promise<Place> {
    if (this.#options.from !== 'end') return start
    const info = await lookAt(this.#options.redis, stream)
    return info === undefined ? start : { id: info.last, count: info.added }
  }

  /** Round robin, so that no stream starves another. */
  async #take(records: number): Promise<readonly SourceRecord[]> {
    const taken: SourceRecord[] = []
    const first = this.#turn
    for (let tried = 0; tried < this.#streams.length && taken.length < records; tried += 1) {
      const at = (first + tried) % this.#streams.length
      const options = this.#streams[at]
      if (options === undefined) continue
      try {
        taken.push(...(await this.#takeFrom(options, records - taken.length)))
      } catch (error) {
        // Entries of other streams were already taken, so return them; the next read fails again.
        if (taken.length === 0) throw error
        break
      }
      this.#turn = (at + 1) % this.#streams.length
    }
    return taken
  }

  async #takeFrom(options: StreamOptions, most: number): Promise<readonly SourceRecord[]> {
    const { stream } = options
    const { records, place, refused } = await readStream(options, this.#placeIn(stream), most)
    this.#places.set(stream, place)
    const bytes = records.reduce((sum, { value }) => sum + value.length, 0)
    this.#stats = {
      ...this.#stats,
      records: this.#stats.records + records.length,
      bytes: this.#stats.bytes + bytes,
      refused: this.#stats.refused + refused,
    }
    return records
  }

  #placeIn(stream: string): Place {
    const place = this.#places.get(stream)
    if (place !== undefined) return place
    throw new CodedError('SOURCE_FAILED', `${this.name} is not open`)
  }

  /** False when nothing has come after the place: then an idle stream costs one query less. */
  async #wait(leftMs: number, signal: AbortSignal): Promise<boolean> {
    const { waiter, clock } = this.#options
    if (waiter === undefined) {
      await clock.sleep(Math.min(leftMs, POLL_MS), signal)
      return true
    }
    const waitMs = Math.max(1, Math.floor(Math.min(leftMs, BLOCK_MS)))
    this.#blocked ??= this.#block(waiter, waitMs).finally(() => {
      this.#blocked = undefined
    })
    return unlessAborted(this.#blocked, signal)
  }

  /** Only wakes the reader: the entries are read again. The next read reports a failed connection. */
  async #block(waiter: RedisCommands, waitMs: number): Promise<boolean> {
    const ids = this.#streams.map(({ stream }) => this.#placeIn(stream).id)
    const streams = this.#streams.map(({ stream }) => stream)
    try {
      const block = ['COUNT', 1, 'BLOCK', waitMs, 'STREAMS'] as const
      return (await waiter.bytes('XREAD', ...block, ...streams, ...ids)) !== null
    } catch {
      await this.#options.clock.sleep(Math.min(waitMs, POLL_MS))
      return true
    }
  }
}

/**
 * Where a stream would continue from a place that a person gives, and what that skips.
 *
 * `to`: `start`, `end`, or a place in our own notation.
 */
export function locate(
  to: string,
  from: string | undefined,
  stream: string,
  info: StreamInfo | undefined,
): LocatedRange {
  const place = placeNamed(to, stream, info)
  const before = from === undefined ? start : placeOf(from, stream)
  const unread = info === undefined ? 0 : lagAfter(before, info).lag
  const left = info === undefined ? 0 : lagAfter(place, info).lag
  const removed = info === undefined ? 0 : info.added - info.length
  return {
    partition: stream,
    from: from ?? null,
    to: placeText(place),
    skipped: Math.max(0, unread - left),
    again: Math.max(0, left - unread),
    gone: before.count > (info?.added ?? 0) ? null : Math.max(0, removed - before.count),
  }
}

function placeNamed(to: string, stream: string, info: StreamInfo | undefined): Place {
  if (to === 'start' || info === undefined) return start
  if (to === 'end') return { id: info.last, count: info.added }
  if (/^\d{1,20}-\d{1,20}\/\d{1,15}$/.test(to)) return placeOf(to, stream)
  const message = `${to} is not a place in ${stream}: give start, end, or an id and the number of entries before it, such as 1700000000000-0/12`
  throw new CodedError('USAGE', message)
}
