/**
 * The streams of a model. In: the sources of its config. Out, besides its own stores: in a fleet its feedback and
 * predictions, which the trainer and the other replicas read, and its dead letters and predictions for sinks.
 */
import { connect, forwardKeys } from './fleet.ts'
import { citingKey, epochKey, feedbackStream, forgottenKey, predictionKey } from '../fleet/keys.ts'
import type { DaemonContext, TrainerContext } from './context.ts'
import { openForwarder, type Forwarder } from '../intake/inbox/forwarder.ts'
import {
  openSharedPredictions,
  type PredictionCopies,
  openPredictionSink,
} from '../intake/predictions/fleet-predictions.ts'
import { writtenThere } from '../intake/disk/clients.ts'
import { openInboxReader } from '../intake/inbox/reader.ts'
import type { Config } from '../config/config.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import { closeAll } from '../platform/closers.ts'
import type { SharedFeedback, SourceNeeds } from '../contracts/connector.ts'
import type { InputKind } from '../contracts/payload.ts'
import { eventSize } from '../intake/events/validate.ts'
import type { Journal, Source } from '../contracts/source.ts'
import { invariant } from '../platform/errors.ts'
import { openJitter } from '../platform/random.ts'
import { RetryPolicy } from '../platform/retry.ts'
import type { Redis } from '../platform/redis/redis.ts'
import type { LeaseTerm } from '../trainer/parts.ts'
import { modelOf } from '../config/model-parts.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import { openLetterOutbox } from '../intake/dead-letters/outbox.ts'
import { openChosen } from '../config/plugins/chosen.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'

export interface SharedStreams {
  readonly forwarder: Forwarder
  readonly predictions: PredictionCopies
}

const FLUSH_MS = 500
const LAST_FLUSH_MS = 5000
const SINK_FLUSH_MS = 2000

/** Undefined for a single daemon. Call after the inbox was opened: it must outlive the forwarder. */
export function shareModel(
  context: DaemonContext,
  model: string,
  inboxPath: string,
): SharedStreams | undefined {
  const { config, clock, log, metrics, sharing } = context
  if (sharing === undefined) return undefined
  const { redis, replica } = sharing
  const reader = openInboxReader(inboxPath)
  const predictions = openSharedPredictions({
    redis,
    keyOf: predictionKey(redis, model),
    citing: citingKey(redis, model),
    forgotten: forgottenKey(redis, model),
    retentionMs: 1000 * config.fleet.prediction_seconds,
    clock,
    log: log.child({ model }),
    onDropped: (count) => {
      metrics.count('predictionsDropped', { model }, count)
    },
  })
  const forwarder = openForwarder({
    journal: writtenThere(context.disk, inboxPath, reader.journal),
    redis,
    keys: forwardKeys(sharing, model),
    replica,
    clock,
    log: log.child({ model }),
    unreadEntries: config.limits.inbox_events,
    bytes: config.limits.inbox_bytes,
    before: async () => predictions.flush(FLUSH_MS),
    onForwarded: (count) => metrics.count('feedbackForwarded', { model }, count),
  })
  context.atEnd(() => {
    reader.close()
  })
  context.atEnd(async () => predictions.close(FLUSH_MS))
  context.atEnd(async () => forwarder.close(LAST_FLUSH_MS))
  return { forwarder, predictions }
}

/** Sends the messages in the file, and those that come later. */
export async function sendLetters(
  context: DaemonContext,
  model: string,
  { unsent }: DeadLetters,
): Promise<void> {
  const { clock, log, metrics } = context
  const chosen = modelOf(context.config, model).sinks.dead_letters
  if (chosen === undefined) return
  const outbox = openLetterOutbox({
    letters: unsent,
    sink: await openChosen(
      pluginsOf(context.config).sinks.dead_letters,
      chosen,
      needsOf(context, model),
    ),
    clock,
    log: log.child({ model }),
    onSent: (count) => {
      metrics.count('sinkWritten', { model, sink: 'dead_letters' }, count)
    },
    onUnsendable: (count) => {
      metrics.count('sinkDropped', { model, sink: 'dead_letters' }, count)
    },
  })
  context.atEnd(async () => outbox.close())
}

/** Undefined if the config wants none. */
export async function predictionSink(
  context: DaemonContext,
  model: string,
): Promise<PredictionCopies | undefined> {
  const { clock, log, metrics } = context
  const chosen = modelOf(context.config, model).sinks.predictions
  if (chosen === undefined) return undefined
  const sink = openPredictionSink({
    sink: await openChosen(
      pluginsOf(context.config).sinks.predictions,
      chosen,
      needsOf(context, model),
    ),
    clock,
    log: log.child({ model }),
    onWritten: (count) => {
      metrics.count('sinkWritten', { model, sink: 'predictions' }, count)
    },
    onDropped: (count) => {
      metrics.count('sinkDropped', { model, sink: 'predictions' }, count)
    },
  })
  context.atEnd(async () => sink.close(SINK_FLUSH_MS))
  return sink
}

function needsOf({ clock, log }: DaemonContext, model: string) {
  return { model, clock, log: log.child({ model }) }
}

interface Feedback {
  /** The journal of this daemon's inbox. */
  readonly journal: Journal
  readonly leaseTerm: LeaseTerm | undefined
  /** What the base reads. */
  readonly reads: readonly InputKind[]
}

/**
 * The sources of a model's config, opened. A source's name keys its positions in the checkpoint: kind and place, so that
 * the order in the config is free.
 */
export async function sourcesOf(
  context: TrainerContext,
  model: string,
  { journal, leaseTerm, reads }: Feedback,
): Promise<readonly Source[]> {
  const { config, fleet } = context
  // In a fleet each replica's inbox goes into one stream, which the holder of the lease reads.
  const shared =
    fleet !== undefined && leaseTerm !== undefined && sharedFeedback(fleet, model, leaseTerm)
  const needs = {
    ...sourceNeeds(context, model, reads),
    feedback: shared || journal,
    ...(config.redis !== undefined && { redis: async () => connections(context) }),
  }
  const { sources } = pluginsOf(config)
  const chosen = modelOf(config, model).sources
  return Promise.all(chosen.map(async (choice) => openChosen(sources, choice, needs)))
}

/** The options of every source, in a trainer or a command. */
function sourceNeeds(
  { config, clock, log }: Pick<TrainerContext, 'config' | 'clock' | 'log'>,
  model: string,
  reads?: readonly InputKind[],
) {
  const { message_bytes: messageBytes } = config.limits
  const { bytes: eventBytes } = eventSize(config.limits, reads)
  const retry = new RetryPolicy({
    ...{ clock, jitter: openJitter('source') },
    ...{ firstMs: 200, longestMs: 5_000 },
  })
  return { model, clock, log, retry, limits: { eventBytes, messageBytes } } satisfies SourceNeeds
}

function sharedFeedback(
  { sharing }: NonNullable<TrainerContext['fleet']>,
  model: string,
  leaseTerm: LeaseTerm,
): SharedFeedback {
  const { redis } = sharing
  return {
    stream: feedbackStream(redis, model),
    fence: { key: epochKey(redis, model), epoch: () => leaseTerm.lease.epoch },
  }
}

/** Two connections: one is for waiting, and answers nothing else meanwhile. */
async function connections(
  context: TrainerContext,
): Promise<{ readonly redis: Redis; readonly waiter: Redis }> {
  const open = async () => {
    const opened = await connect(context.config, context)
    invariant(opened !== undefined, 'the config has a redis section')
    context.atEnd(() => {
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
