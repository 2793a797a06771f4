/**
 * The sources of a model's config, opened. A source's name keys its positions in
 * the checkpoint: kind and place, so that the order in the config is free.
 */
import type { Config } from '../config/config.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import { closeAll } from '../platform/closers.ts'
import { openChosen } from '../config/plugins/chosen.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { modelOf } from './parts.ts'
import { connect } from './fleet.ts'
import { epochKey, feedbackStream } from '../fleet/keys.ts'
import type { TrainerContext } from './trainer-context.ts'
import type { Journal, SharedFeedback, Source, SourceNeeds } from '../contracts/stream.ts'
import { invariant } from '../platform/errors.ts'
import { openJitter } from '../platform/random.ts'
import { RetryPolicy } from '../platform/retry.ts'
import type { Redis } from '../platform/redis/redis.ts'
import type { LeaseTerm } from '../trainer/parts.ts'

interface Feedback {
  /** Of this daemon's inbox. */
  readonly journal: Journal
  readonly tenure: LeaseTerm | undefined
}

export async function sourcesOf(
  site: TrainerContext,
  model: string,
  { journal, tenure }: Feedback,
): Promise<readonly Source[]> {
  const { config, fleet } = site
  // In a fleet each replica's inbox goes into one stream, which the holder of the lease reads.
  const shared = fleet !== undefined && tenure !== undefined && sharedFeedback(fleet, model, tenure)
  const needs = {
    ...sourceNeeds(site, model),
    feedback: shared || journal,
    ...(config.redis !== undefined && { redis: async () => connections(site) }),
  }
  const { sources } = pluginsOf(config)
  const chosen = modelOf(config, model).sources
  return Promise.all(chosen.map(async (choice) => openChosen(sources, choice, needs)))
}

/** The options of every source, in a trainer or a command. */
export function sourceNeeds(
  { config, clock, log }: Pick<TrainerContext, 'config' | 'clock' | 'log'>,
  model: string,
) {
  const { event_bytes: eventBytes, message_bytes: messageBytes } = config.limits
  const retry = new RetryPolicy({
    ...{ clock, jitter: openJitter('source') },
    ...{ firstMs: 200, longestMs: 5_000 },
  })
  return { model, clock, log, retry, limits: { eventBytes, messageBytes } } satisfies SourceNeeds
}

function sharedFeedback(
  { sharing }: NonNullable<TrainerContext['fleet']>,
  model: string,
  tenure: LeaseTerm,
): SharedFeedback {
  const { redis } = sharing
  return {
    stream: feedbackStream(redis, model),
    fence: { key: epochKey(redis, model), epoch: () => tenure.lease.epoch },
  }
}

/** Two connections: one is for waiting, and answers nothing else meanwhile. */
async function connections(
  site: TrainerContext,
): Promise<{ readonly redis: Redis; readonly waiter: Redis }> {
  const open = async () => {
    const opened = await connect(site.config, site)
    invariant(opened !== undefined, 'the config has a redis section')
    site.atEnd(() => {
      opened.close()
    })
    return opened
  }
  const [redis, waiter] = await Promise.all([open(), open()])
  return { redis, waiter }
}

/** For a command that inspects the sources without reading: not opened. `close` closes what they share. */
export async function openSources(
  config: Config,
  model: string,
  parts: { readonly clock: Clock; readonly log: Logger },
) {
  const redis = await connect(config, parts)
  const needs = {
    ...sourceNeeds({ config, ...parts }, model),
    ...(redis && {
      redis: async () => Promise.resolve({ redis }),
      feedback: { stream: feedbackStream(redis, model) },
    }),
  }
  const { sources: table } = pluginsOf(config)
  const chosen = modelOf(config, model).sources
  const sources = await Promise.all(chosen.map(async (choice) => openChosen(table, choice, needs)))
  const close = async () => closeAll([...sources, ...(redis ? [redis] : [])], parts.log)
  return { sources, close }
}
