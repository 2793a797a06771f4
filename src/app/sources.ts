/**
 * The sources of a model's config, opened, and what makes events of their records. A source's name keys its positions in
 * the checkpoint: kind and place, so that the order in the config is free.
 */
import { openChosen } from '../config/chosen.ts'
import { pluginsOf } from '../config/own-plugins.ts'
import { modelOf } from './parts.ts'
import { connect } from './fleet.ts'
import { epochKey, feedbackStream } from '../fleet/keys.ts'
import type { TrainerContext } from './trainer-context.ts'
import { CodedError } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import type {
  Journal,
  SharedFeedback,
  Source,
  SourceNeeds,
  SourceRecord,
} from '../contracts/stream.ts'
import { parseEvent } from '../intake/events/validate.ts'
import type { Config } from '../config/config.ts'
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

export async function sourcesOf(
  site: TrainerContext,
  model: string,
  { journal, tenure }: Feedback,
): Promise<readonly Source[]> {
  const { config, fleet } = site
  // In a fleet each replica's inbox goes into one stream, which whoever holds the lease reads.
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

/** What every source gets, whoever reads it. */
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
