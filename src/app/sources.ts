/**
 * The sources of a model's config, opened, and what makes events of their records. A source's name keys its positions in
 * the checkpoint: kind and place, so that the order in the config is free.
 */
import { fileSource, httpSource, kafkaSource, redisSource } from '../../connectors/index.ts'
import { modelOf } from './parts.ts'
import { connect } from './fleet.ts'
import { epochKey, feedbackStream } from '../fleet/keys.ts'
import type { TrainerContext } from './trainer-context.ts'
import { CodedError, type Clock } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import type { Journal, Source, SourceRecord } from '../contracts/stream.ts'
import { parseEvent } from '../intake/events/validate.ts'
import { kafkaSourceFields } from '../config/kafka.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import { invariant } from '../platform/errors.ts'
import { openJitter } from '../platform/random.ts'
import { RetryPolicy } from '../platform/retry.ts'
import type { Redis } from '../platform/redis/redis.ts'
import type { LoopParts, LeaseTerm } from '../trainer/parts.ts'

interface Feedback {
  /** Of this daemon's inbox. */
  readonly journal: Journal
  readonly tenure: LeaseTerm | undefined
}

type SourceConfig = ModelConfig['sources'][number]

export async function sourcesOf(
  site: TrainerContext,
  model: string,
  feedback: Feedback,
): Promise<readonly Source[]> {
  const configs = modelOf(site.config, model).sources
  return Promise.all(configs.map(async (config) => openSource(site, model, config, feedback)))
}

async function openSource(
  site: TrainerContext,
  model: string,
  source: SourceConfig,
  feedback: Feedback,
): Promise<Source> {
  const { clock, log, config } = site
  const eventBytes = config.limits.event_bytes
  if ('http' in source) return openHttp(site, model, feedback)
  if ('redis' in source) {
    const { stream, from } = source.redis
    const options = { streams: [stream], model, from, eventBytes, clock, log }
    return redisSource({ name: `redis:${stream}`, ...(await connections(site)), ...options })
  }
  if ('kafka' in source)
    return kafkaSource({
      ...kafkaSourceFields(model, source.kafka, config.limits),
      retry: sourceRetry(clock),
      clock,
      log,
    })
  const { path, on_reset: onReset } = source.file
  return fileSource({ name: `file:${path}`, path, lineBytes: eventBytes, onReset, clock, log })
}

/** In a fleet each replica's inbox goes into one stream, which whoever holds the lease reads. */
async function openHttp(
  site: TrainerContext,
  model: string,
  { journal, tenure }: Feedback,
): Promise<Source> {
  const { clock, log, config, fleet } = site
  if (fleet === undefined || tenure === undefined)
    return httpSource({ name: 'http', journal, clock })
  const { redis } = fleet.sharing
  return redisSource({
    name: 'http',
    ...(await connections(site)),
    streams: [feedbackStream(redis, model)],
    model,
    eventBytes: config.limits.event_bytes,
    fence: { key: epochKey(redis, model), epoch: () => tenure.lease.epoch },
    clock,
    log,
  })
}

/** What a source of its own accord tries again. */
export function sourceRetry(clock: Clock): RetryPolicy {
  return new RetryPolicy({ clock, jitter: openJitter('source'), firstMs: 200, longestMs: 5_000 })
}

/** Two connections: one is for waiting, and answers nothing else meanwhile. */
async function connections(
  site: TrainerContext,
): Promise<{ readonly redis: Redis; readonly waiter: Redis }> {
  const open = async () => {
    const opened = await connect(site.config, site)
    invariant(opened !== undefined, 'a source in Redis has the section redis')
    site.atEnd(() => {
      opened.close()
    })
    return opened
  }
  const [redis, waiter] = await Promise.all([open(), open()])
  return { redis, waiter }
}

/** One topic may feed several models: admission passes over what names another. */
export function parserOf(
  config: Config,
  { inputKind }: Base,
  onUnknownKey: () => void,
): LoopParts['parse'] {
  return ({ value, headers, timeMs, refused }: SourceRecord, connector: string) => {
    if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
    return parseEvent(value, config.limits, {
      source: connector,
      inputKind,
      headers: textOnly(headers),
      onUnknownKey,
      ...(timeMs !== undefined && { timeMs }),
    })
  }
}

/** The envelope of a CloudEvent is text; other headers are only kept. */
function textOnly(headers: SourceRecord['headers'] = {}): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
