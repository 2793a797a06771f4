/**
 * Served predictions where the whole fleet finds them: feedback may land on another replica than its prediction, and the
 * trainer may be anywhere. Replicas write them behind the answer, with an end to their life; the trainer looks in its own
 * inbox first.
 */
import { CodedError, type Clock, type Logger, type Json } from '../../contracts/core.ts'
import type { CitedEvent, Input, ServedPrediction } from '../../contracts/event.ts'
import type { Redis, RedisReply } from '../../platform/redis/redis.ts'
import { redisScript } from '../../platform/redis/script.ts'
import { hashOf } from '../dedupe/dedupe.ts'
import { keyOf as keyOfEvent } from '../events/event-key.ts'
import { ERASED, erasedPrediction } from '../inbox/erased-predictions.ts'
import type { Predictions } from '../join.ts'
import type { Sink } from '../../contracts/connector.ts'
import { closeAll } from '../../platform/closers.ts'
import type { PredictionStore } from './predictions.ts'
import { openWriteBehind } from './write-behind.ts'

/** Copies of served predictions for the fleet. `record` never waits: it drops copies rather than delay an answer. */
export interface PredictionCopies {
  record(predictions: readonly ServedPrediction[]): void
  waiting(): number
  flush(waitMs: number): Promise<void>
  close(flushMs?: number): Promise<void>
}

interface SharedPredictionsOptions {
  readonly redis: Pick<Redis, 'command' | 'script'>
  /** The key of a prediction, by its id. */
  readonly keyOf: (id: string) => string
  /** Sorted sets: ids of predictions that cite, and hashes of forgotten events. */
  readonly citing: string
  readonly forgotten: string
  readonly retentionMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Called for predictions that were dropped. */
  readonly onDropped?: (count: number) => void
}

export function openSharedPredictions(options: SharedPredictionsOptions): PredictionCopies {
  const { redis, keyOf, retentionMs } = options
  const queue = openWriteBehind<SharedPrediction>({
    ...options,
    what: 'served predictions in Redis',
    sizeOf: ({ id, text }) => 2 * (id.length + text.length) + 64,
    write: async (items) => {
      // Sent in one turn of the event loop, so that the connection writes them together.
      const set = items.map(({ id, text, cited, timeMs }) => {
        if (cited === undefined) return redis.command('SET', keyOf(id), text, 'PX', retentionMs)
        const hashes = cited.map((event) => Buffer.from(hashOf(keyOfEvent(event))))
        const keys = [keyOf(id), options.citing, options.forgotten]
        return redis.script(citedScript, keys, [text, retentionMs, id, timeMs, ERASED, ...hashes])
      })
      await Promise.all(set)
    },
  })
  return {
    record: (predictions) =>
      queue.add(
        predictions.map(({ id, cited, timeMs, ...rest }) => ({
          ...{ id, cited, timeMs, text: textOf({ id, timeMs, ...rest, ...(cited && { cited }) }) },
        })),
      ),
    waiting: () => queue.waiting(),
    flush: async (waitMs) => queue.flush(waitMs),
    close: async (flushMs) => queue.close(flushMs),
  }
}

interface SharedPrediction {
  readonly id: string
  readonly text: string
  readonly cited: ServedPrediction['cited']
  readonly timeMs: number
}

/** What is forgotten is in Redis before its quotes are looked for, so that no answer that comes later keeps one. */
const citedScript = redisScript(
  'cited prediction',
  `
local text = ARGV[1]
for at = 6, #ARGV do
  if redis.call('ZSCORE', KEYS[3], ARGV[at]) then text = ARGV[5] end
end
redis.call('SET', KEYS[1], text, 'PX', ARGV[2])
if text == ARGV[1] then redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4] - ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])`,
)

/** The local store, which also sends its predictions to the fleet. */
export function servedEverywhere(
  local: PredictionStore,
  others: readonly Pick<PredictionCopies, 'record'>[],
): PredictionStore {
  return {
    record: (predictions) => {
      local.record(predictions)
      for (const other of others) other.record(predictions)
    },
    flush: () => local.flush(),
    close: () => local.close(),
  }
}

interface PredictionSearch {
  readonly local: Predictions
  /** Whether an event was forgotten on request. */
  readonly isForgotten: (event: CitedEvent) => boolean
  readonly redis: Pick<Redis, 'command'>
  readonly keyOf: (id: string) => string
  readonly clock: Clock
  readonly log: Logger
  /**
   * How long to wait for an unreachable Redis. After that a prediction that is not found here counts as not seen yet,
   * and its feedback waits.
   */
  readonly awayMs?: number
}

export function searchPredictions(options: PredictionSearch): Predictions {
  return new FleetPredictions(options)
}

const AWAY_MS = 60_000

class FleetPredictions implements Predictions {
  readonly #options: PredictionSearch
  #awaySinceMs: number | undefined
  #isGivenUp = false

  constructor(options: PredictionSearch) {
    this.#options = options
  }

  async find(id: string): Promise<ServedPrediction | undefined> {
    const { local, redis, keyOf, isForgotten } = this.#options
    const near = await local.find(id)
    if (near !== undefined) return near
    const text = await this.#look(keyOf(id), redis)
    const far = typeof text === 'string' ? predictionOf(id, text) : undefined
    if (text === ERASED || far?.cited?.some((event) => isForgotten(event)) === true)
      throw erasedPrediction(id)
    return far
  }

  async #look(key: string, redis: PredictionSearch['redis']): Promise<RedisReply> {
    try {
      const text = await redis.command('GET', key)
      this.#awaySinceMs = undefined
      this.#isGivenUp = false
      return text
    } catch (error) {
      this.#missed(error)
      return null
    }
  }

  /** Throws errors that may be retried, for a while. */
  #missed(error: unknown): void {
    if (!(error instanceof CodedError)) throw error
    const { clock, log, awayMs = AWAY_MS } = this.#options
    this.#awaySinceMs ??= clock.monotonicMs()
    const isPatient = clock.monotonicMs() - this.#awaySinceMs < awayMs
    if (error.retriable && isPatient) throw error
    const message = 'served predictions of other replicas cannot be looked up: their feedback waits'
    if (!this.#isGivenUp) log.warn({ err: error }, message)
    this.#isGivenUp = true
  }
}

function textOf(prediction: ServedPrediction): string {
  const { id: _id, shown: _shown, input, version, answer, timeMs, ...more } = prediction
  const isPlain = Object.keys(more).length === 0
  return JSON.stringify([input, version, answer, timeMs, ...(isPlain ? [] : [more])])
}

/** Undefined for bytes that we did not write, and for an erased one. */
export function predictionOf(id: string, text: string): ServedPrediction | undefined {
  const [input, version, answer, timeMs, more] = listIn(text)
  if (typeof version !== 'string' || typeof answer !== 'string' || typeof timeMs !== 'number')
    return
  // Written by `textOf` from an Input.
  return { id, input: input as Input, version, answer, timeMs, ...(more as MoreOf) }
}

/** Fields that only some answers have: during a rollout, by a version by name, in a trace, of a text that was cut, or given stored answers. */
type MoreOf =
  Omit<ServedPrediction, 'id' | 'shown' | 'input' | 'version' | 'answer' | 'timeMs'> | undefined

function listIn(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** To a sink, such as a Kafka topic, to be joined, audited or labelled elsewhere. */
interface PredictionSinkOptions {
  /** Closed with this. */
  readonly sink: Sink<ServedPrediction>
  readonly clock: Clock
  readonly log: Logger
  readonly onWritten?: (count: number) => void
  readonly onDropped?: (count: number) => void
}

export function openPredictionSink(options: PredictionSinkOptions): PredictionCopies {
  const { sink } = options
  const queue = openWriteBehind<ServedPrediction>({
    ...options,
    what: 'served predictions to the sink',
    sizeOf: ({ input }) => 300 + sizeOf(input),
    write: async (items) => sink.write(items),
  })
  return {
    record: (predictions) => queue.add(predictions),
    waiting: () => queue.waiting(),
    flush: async (waitMs) => queue.flush(waitMs),
    close: async (flushMs) => {
      await closeAll([{ close: async () => queue.close(flushMs) }, sink])
    },
  }
}

/** About the bytes of its memory. */
function sizeOf(value: Json): number {
  if (typeof value === 'string') return 2 * value.length
  if (typeof value !== 'object' || value === null) return 8
  const own = Array.isArray(value) ? 0 : 64
  return Object.values(value).reduce<number>((sum, each: Json) => sum + own + sizeOf(each), 0)
}
