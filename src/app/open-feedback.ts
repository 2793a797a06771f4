/** Feedback over HTTP for a served model: checked, made durable in the inbox, and joined with its predictions. */
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { join } from 'node:path'
import { folderOf, modelOf, openTask } from '../config/model-parts.ts'
import { signedSourcesOf } from '../config/signed-sources.ts'
import { forgottenKey } from '../fleet/keys.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { takeForgotten } from '../intake/erase-shared.ts'
import { openPredictionTraces } from '../intake/predictions/table.ts'
import { openJitter } from '../platform/random.ts'
import { RetryPolicy } from '../platform/retry.ts'
import type { LiveModel } from '../serving/live/contract.ts'
import { eventCheck } from '../serving/services/feedback/event-check.ts'
import {
  openFeedbackService,
  type FeedbackService,
  type TraceOfPrediction,
} from '../serving/services/feedback/feedback-service.ts'
import { textOf } from '../serving/services/feedback/feedback-progress.ts'
import { UndoneFeedback } from '../serving/services/feedback/undone-feedback.ts'
import type { DaemonContext, OpenModel } from './context.ts'

export async function openFeedback(
  context: DaemonContext,
  model: OpenModel & { readonly live: LiveModel },
  onAppended: () => void,
): Promise<FeedbackService> {
  const { name, base, inbox, predictions, deadLetters, live } = model
  const { clock, metrics, config, log } = context
  const { registry } = model
  const settings = modelOf(config, name)
  const undone = await UndoneFeedback.open({ registry, end: () => inbox.marks().end, log })
  context.atEnd(() => undone.close())
  followForgotten(context, model)
  return openFeedbackService({
    undone,
    model: name,
    source: httpSourceName,
    isRead: settings.sources.some((source) => httpSourceName in source),
    check: eventCheck({
      model: name,
      source: httpSourceName,
      reads: base.reads,
      limits: config.limits,
      task: openTask(settings, config.limits, pluginsOf(config)),
      signed: { sources: () => signedSourcesOf(modelOf(config, name)), clock },
      // Tokenising a text takes too long here, and never fails.
      ...(base.isSmall === true && { checkInput: (input) => void base.encode(input, 0) }),
    }),
    inbox,
    positionOf: (offset) => textOf({ replica: context.sharing?.replica, offset }),
    predictions: {
      flush: async () => {
        await live.settled()
        await predictions.flush()
      },
      traceOf: tracesOf(context, model),
    },
    deadLetters,
    metrics,
    clock,
    sourceLimit: context.sourceLimit,
    onAppended,
  })
}

/** In a fleet another daemon may forget: what it forgot is in Redis before the move that ends its request. */
function followForgotten(context: DaemonContext, model: OpenModel): void {
  const { sharing, clock, log } = context
  if (sharing === undefined) return
  const { redis } = sharing
  const { name, inbox, registry } = model
  const place = { redis, key: forgottenKey(redis, name) }
  const retry = new RetryPolicy({
    clock,
    log: log.child({ model: name }),
    jitter: openJitter('forgotten'),
  })
  const ending = new AbortController()
  let stamp: string | undefined
  let looking = Promise.resolve()
  const take = async () => {
    stamp = await takeForgotten(place, inbox, stamp)
  }
  const look = () => {
    looking = looking
      .then(async () => retry.run('reading which events were forgotten', take, ending.signal))
      .catch((err: unknown) => {
        if (!ending.signal.aborted) log.error({ model: name, err }, 'forgotten events may be taken')
      })
  }
  const stop = registry.watch(look)
  look()
  context.atEnd(async () => {
    stop()
    ending.abort()
    await looking
  })
}

/** Undefined if nothing is traced, or no prediction is kept. */
function tracesOf(
  context: DaemonContext,
  { name, faults }: OpenModel,
): TraceOfPrediction | undefined {
  if (context.spans === undefined || faults.of('inbox') !== undefined) return undefined
  const traces = openPredictionTraces(join(folderOf(context.config, name), inboxFile))
  context.atEnd(() => {
    traces.close()
  })
  return (predictionId) => traces.of(predictionId)
}

export const httpSourceName = 'http'
