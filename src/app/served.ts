/**
 * The server's side of each model, as the role of the daemon wants it: its stores on this machine, the engine of its base
 * and its live version; or, if it only trains, the parts that it watches.
 */
import { join } from 'node:path'
import { folderOf, lettersLimits, modelOf, openBaseOf } from '../config/model-parts.ts'
import type { CodedError } from '../contracts/core.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { areUnkept, weightFolder } from '../nn/kept-weights.ts'
import { watchPlaces } from '../platform/store/file-place.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { shardIn } from '../config/shards.ts'
import { openDiskInbox, openDiskLetters, openDiskPredictions } from '../intake/disk/clients.ts'
import {
  brokenInbox,
  guardedInbox,
  probedInbox,
  brokenDeadLetters,
  guardedDeadLetters,
  probedDeadLetters,
  predictionsNotKept,
} from '../intake/damaged-stores.ts'
import { servedEverywhere } from '../intake/predictions/fleet-predictions.ts'
import { FaultLog } from '../platform/store/fault-log.ts'
import type { FaultyPart } from '../serving/services/served-model.ts'
import { brokenRegistry } from '../versions/broken.ts'
import type { DaemonContext, KnownModel, ServedModels, OpenModel } from './context.ts'
import { followOnly, serve, openAllEngines } from './serve-model.ts'
import { openSharedRegistry } from './model.ts'
import { predictionSink, sendLetters, shareModel } from './streams.ts'

/**
 * A model's data on this machine: its versions, its dead letters, and, if the daemon serves it, its inbox and
 * predictions.
 */
async function knowModel(context: DaemonContext, name: string): Promise<KnownModel> {
  const { config, clock, log, metrics, sharing } = context
  const base = await openBaseOf(modelOf(config, name), pluginsOf(config))
  if (areUnkept(base.weights))
    log.warn(
      { model: name, folder: weightFolder() },
      'the base cannot be kept in this folder, so each session holds a copy of it',
    )
  const faults = new FaultLog<FaultyPart>(log.child({ model: name }))
  const onRepaired = (what: 'pointer' | 'version') => {
    metrics.count('registryRepairs', { model: name, what })
  }
  const parts = { clock, log, sharing, onRepaired }
  const openVersions = () => openSharedRegistry(config, name, base, parts)
  const registry = await faults.try('model', openVersions, brokenRegistry)
  const letters = join(folderOf(config, name), deadLettersFile)
  const openLetters = async () =>
    probedDeadLetters(await openDiskLetters(context.disk, letters, lettersLimits(config)))
  const deadLetters = guardedDeadLetters(
    await faults.try('dead_letters', openLetters, brokenDeadLetters),
    faults.asking('dead_letters'),
  )
  context.atEnd(async () => registry.close())
  context.atEnd(async () => deadLetters.close())
  if (faults.of('dead_letters') === undefined) await sendLetters(context, name, deadLetters)
  return { name, base, registry, deadLetters, faults }
}

async function openModel(context: DaemonContext, name: string): Promise<OpenModel> {
  const known = await knowModel(context, name)
  const { config, clock, log } = context
  const inboxPath = join(folderOf(config, name), inboxFile)
  const { limits } = config
  const openOwn = async () =>
    probedInbox(
      await openDiskInbox(context.disk, inboxPath, {
        unreadEvents: limits.inbox_events,
        bytes: limits.inbox_bytes,
        seenEvents: limits.seen_events,
        retentionMs: dayMs,
      }),
    )
  const onDropped = (count: number) => {
    context.metrics.count('predictionsDropped', { model: name }, count)
  }
  const { faults } = known
  const inbox = guardedInbox(
    await faults.try('inbox', openOwn, brokenInbox),
    faults.asking('inbox'),
  )
  const isWhole = faults.of('inbox') === undefined
  const predictions = isWhole
    ? await openDiskPredictions(context.disk, inboxPath, {
        count: limits.predictions,
        bytes: limits.prediction_bytes,
        retentionMs: 30 * dayMs,
        clock,
        log,
        onDropped,
      })
    : predictionsNotKept(onDropped)
  context.atEnd(async () => inbox.close())
  context.atEnd(async () => predictions.close())
  const shared = isWhole ? shareModel(context, name, inboxPath) : undefined
  const others = [shared?.predictions, await predictionSink(context, name)].filter(
    (each) => each !== undefined,
  )
  const everywhere = servedEverywhere(predictions, others)
  return { ...known, inbox, predictions: everywhere, forwarder: shared?.forwarder }
}

const dayMs = 24 * 60 * 60 * 1000

/** `onAppended`: the model's trainer has something to read. */
export async function openServedModels(
  context: DaemonContext,
  onAppended: (model: string) => void,
): Promise<ServedModels> {
  return context.config.role === 'trainer'
    ? openFollowing(context)
    : openAnswering(context, onAppended)
}

async function openAnswering(
  context: DaemonContext,
  onAppended: (model: string) => void,
): Promise<ServedModels> {
  const names = Object.keys(context.config.models)
  // A shard answers nothing: the model that is merged from it does.
  const [whole, parts] = [
    names.filter((name) => shardIn(context.config, name) === undefined),
    names.filter((name) => shardIn(context.config, name) !== undefined),
  ]
  const answering = await Promise.all(whole.map(async (name) => openModel(context, name)))
  const shards = await Promise.all(parts.map(async (name) => knowModel(context, name)))
  const models = [...answering, ...shards]
  const engines = await openAllEngines(context, answering)
  const served = await Promise.all([
    ...answering.map(async (model) =>
      serve(context, model, engines, () => {
        model.forwarder?.wake()
        onAppended(model.name)
      }),
    ),
    ...shards.map(async (model) => followOnly(context, model)),
  ])
  throwIfNothingWorks(models)
  watchFiles(context, models)
  return { models, served }
}

/** A daemon without a model that works is no daemon: it says why and ends. */
function throwIfNothingWorks(models: readonly KnownModel[]): void {
  const errors = models.flatMap(({ faults }) => faults.of('model') ?? [])
  if (errors[0] !== undefined && errors.length === models.length) throw errors[0]
}

async function openFollowing(context: DaemonContext): Promise<ServedModels> {
  const names = Object.keys(context.config.models)
  const models = await Promise.all(names.map(async (name) => knowModel(context, name)))
  const served = await Promise.all(models.map(async (model) => followOnly(context, model)))
  throwIfNothingWorks(models)
  watchFiles(context, models)
  return { models, served }
}

/** Feedback is refused by the commit itself; this shows the fault while nothing comes in. */
function watchFiles(context: DaemonContext, models: readonly KnownModel[]): void {
  const files = models.flatMap(({ name, faults }) =>
    ['registry.db', inboxFile, deadLettersFile].map((file) => ({
      path: join(folderOf(context.config, name), file),
      onFault: (error: CodedError) => faults.note('data_dir', error),
    })),
  )
  context.atEnd(watchPlaces(files, context.clock))
}
