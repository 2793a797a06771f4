/** The sources of a model outside a trainer, for a command that looks at them and does not read. */
import { fileSource, kafkaSource, redisSource } from '../../connectors/index.ts'
import { modelOf } from './parts.ts'
import { connect } from './fleet.ts'
import { feedbackStream } from '../fleet/keys.ts'
import { sourceRetry } from './sources.ts'
import { closeAll } from '../platform/closers.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Source } from '../contracts/stream.ts'
import { kafkaSourceFields } from '../config/kafka.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import type { Redis } from '../platform/redis/redis.ts'

interface Needs {
  readonly clock: Clock
  readonly log: Logger
}

/** Not opened. `close` ends what they share. */
export async function openSources(config: Config, model: string, parts: Needs) {
  const redis = await connect(config, parts)
  const sources = modelOf(config, model).sources.map((source) =>
    sourceOf(config, model, source, { ...parts, redis }),
  )
  const close = async () => closeAll([...sources, ...(redis ? [redis] : [])], parts.log)
  return { sources, close }
}

function sourceOf(
  config: Config,
  model: string,
  source: ModelConfig['sources'][number],
  { redis, ...parts }: Needs & { readonly redis: Redis | undefined },
): Source {
  const eventBytes = config.limits.event_bytes
  if ('kafka' in source)
    return kafkaSource({
      ...kafkaSourceFields(model, source.kafka, config.limits),
      retry: sourceRetry(parts.clock),
      ...parts,
    })
  if ('file' in source) {
    const { path } = source.file
    return fileSource({ name: `file:${path}`, path, lineBytes: eventBytes, ...parts })
  }
  const stream = 'redis' in source ? source.redis.stream : redis && feedbackStream(redis, model)
  const name = 'redis' in source ? `redis:${source.redis.stream}` : 'http'
  return redis === undefined || stream === undefined
    ? unplaced(name)
    : redisSource({ name, redis, streams: [stream], model, eventBytes, ...parts })
}

/** Its positions belong to the daemon's own journal. */
function unplaced(name: string): Source {
  return {
    name,
    open: async () => Promise.resolve(),
    read: async () => Promise.resolve([]),
    commit: async () => Promise.resolve(),
    lag: async () => Promise.resolve(0),
    close: async () => Promise.resolve(),
  }
}
