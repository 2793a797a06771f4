/** Puts the serving side of each model together: its stores on this machine, the engine of its base, its live version. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { folderOf, lettersLimits, modelOf, openBase, openTask } from './parts.ts'
import { exampleOf } from './example.ts'
import { openSharedRegistry } from './fleet.ts'
import { predictionSink, sendLetters, shareModel } from './streams.ts'
import type { KnownModel, OpenModel, DaemonContext } from './daemon-context.ts'
import { triggerHint } from './trigger.ts'
import type { Base } from '../contracts/network.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { openDiskInbox } from '../intake/disk/clients.ts'
import { openDiskLetters } from '../intake/disk/clients.ts'
import { openDiskPredictions } from '../intake/disk/clients.ts'
import { servedEverywhere } from '../intake/predictions/fleet-predictions.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import {
  brokenDeadLetters,
  guardedDeadLetters,
  probedDeadLetters,
} from '../intake/dead-letters/broken.ts'
import { brokenInbox, guardedInbox, probedInbox } from '../intake/inbox/broken.ts'
import { predictionsNotKept } from '../intake/predictions/not-kept.ts'
import { FaultLog } from '../platform/store/fault-log.ts'
import { brokenFeedback } from '../serving/services/feedback/no-feedback.ts'
import { textOf } from '../serving/services/feedback/position.ts'
import { brokenRegistry } from '../versions/broken.ts'
import { brokenLive } from '../serving/live/broken-live.ts'
import type { EngineOfBase } from '../serving/engine/engine-set.ts'
import { eventCheck } from '../serving/services/feedback/event-check.ts'
import {
  openFeedbackService,
  type FeedbackService,
} from '../serving/services/feedback/feedback-service.ts'
import { openLiveModel, type LiveModel } from '../serving/live/live-model.ts'
import type { FaultyPart, ServedModel } from '../serving/services/served-model.ts'
import { watchUndone } from '../serving/services/feedback/undone-feedback.ts'
import { RetryPolicy } from '../platform/retry.ts'
import { storeSizes } from '../platform/store/store-space.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'

export async function knowModel(site: DaemonContext, name: string): Promise<KnownModel> {
  const { config, clock, log, metrics, sharing } = site
  const base = await openBase(modelOf(config, name).base)
  const faults = new FaultLog<FaultyPart>(log.child({ model: name }))
  const onRepaired = (what: 'pointer' | 'version') => {
    metrics.count('registryRepairs', { model: name, what })
  }
  const parts = { clock, log, sharing, onRepaired }
  const openVersions = () => openSharedRegistry(config, name, base, parts)
  const registry = await faults.try('model', openVersions, brokenRegistry)
  const letters = join(folderOf(config, name), deadLettersFile)
  const openLetters = async () =>
    probedDeadLetters(await openDiskLetters(site.disk, letters, lettersLimits(config)))
  const deadLetters = guardedDeadLetters(
    await faults.try('dead_letters', openLetters, brokenDeadLetters),
    faults.asking('dead_letters'),
  )
  site.atEnd(async () => registry.close())
  site.atEnd(async () => deadLetters.close())
  if (faults.of('dead_letters') === undefined) await sendLetters(site, name, deadLetters)
  return { name, base, registry, deadLetters, faults }
}

export async function openModel(site: DaemonContext, name: string): Promise<OpenModel> {
  const known = await knowModel(site, name)
  const { config, clock, log } = site
  const inboxPath = join(folderOf(config, name), inboxFile)
  const { limits } = config
  const openOwn = async () =>
    probedInbox(
      await openDiskInbox(site.disk, inboxPath, {
        unreadEvents: limits.inbox_events,
        bytes: limits.inbox_bytes,
        seenEvents: limits.seen_events,
        retentionMs: dayMs,
      }),
    )
  const onDropped = (count: number) => {
    site.metrics.count('predictionsDropped', { model: name }, count)
  }
  const { faults } = known
  const inbox = guardedInbox(
    await faults.try('inbox', openOwn, brokenInbox),
    faults.asking('inbox'),
  )
  const isWhole = faults.of('inbox') === undefined
  const predictions = isWhole
    ? await openDiskPredictions(site.disk, inboxPath, {
        count: limits.predictions,
        bytes: limits.prediction_bytes,
        retentionMs: 30 * dayMs,
        clock,
        log,
        onDropped,
      })
    : predictionsNotKept(onDropped)
  site.atEnd(async () => inbox.close())
  site.atEnd(async () => predictions.close())
  const shared = isWhole ? shareModel(site, name, inboxPath) : undefined
  const others = [shared?.predictions, await predictionSink(site, name)].filter(
    (each) => each !== undefined,
  )
  const everywhere = servedEverywhere(predictions, others)
  return { ...known, inbox, predictions: everywhere, forwarder: shared?.forwarder }
}

const dayMs = 24 * 60 * 60 * 1000

export async function serve(
  site: DaemonContext,
  model: OpenModel,
  all: ReadonlyMap<Base, EngineOfBase>,
  onAppended: () => void,
): Promise<ServedModel> {
  const { name, base, registry } = model
  const serving = all.get(base)
  if (serving === undefined) throw new Error(`no engine for the base of ${name}`)
  const { faults } = model
  const task = openTask(modelOf(site.config, name), site.config.limits)
  const { method } = modelOf(site.config, name).adapter
  const live = await faults.try('model', () => openLive(site, model, serving), brokenLive)
  const broken = faults.of('model')
  const feedback =
    broken === undefined ? await openFeedback(site, model, onAppended) : brokenFeedback(broken)
  return {
    ...{ name, base, method, live, registry, feedback },
    task,
    example: exampleOf(modelOf(site.config, name), task),
    deadLetters: model.deadLetters.pages,
    faults: () => faults.all,
    setAside: openSetAsidePages(join(folderOf(site.config, name), 'state.db'), task),
    get trigger() {
      return triggerHint(modelOf(site.config, name))
    },
    forgotten: () => ({ ids: model.inbox.forgotten(), deadLetters: model.deadLetters.gone() }),
    storeBytes: () => storeSizes(folderOf(site.config, name)),
    waitingRows: () => serving.batcher.waiting(name),
  }
}

async function openLive(
  site: DaemonContext,
  model: OpenModel,
  serving: EngineOfBase,
): Promise<LiveModel> {
  const { config, clock, log, metrics } = site
  const live = await openLiveModel({
    model: model.name,
    base: model.base,
    task: openTask(modelOf(config, model.name), config.limits),
    maxTokens: modelOf(config, model.name).max_tokens,
    batcher: serving.batcher,
    predictions: model.predictions,
    predictionId: () => `p-${randomUUID()}`,
    registry: model.registry,
    engine: serving.engine,
    onAnswering: (version) => model.registry.answersWith(version),
    idleVersions: 4,
    mostVersions: 16,
    retry: new RetryPolicy({ clock, firstMs: 1000, longestMs: 1000 }),
    clock,
    metrics,
    log,
  })
  site.atEnd(async () => live.close())
  return live
}

async function openFeedback(
  site: DaemonContext,
  model: OpenModel,
  onAppended: () => void,
): Promise<FeedbackService> {
  const { name, base, inbox, predictions, deadLetters } = model
  const { clock, metrics, config, log } = site
  const { registry } = model
  const undone = await watchUndone({ registry, end: () => inbox.marks().end, log })
  site.atEnd(() => undone.close())
  return openFeedbackService({
    undone,
    model: name,
    source: httpSourceName,
    check: eventCheck({
      model: name,
      source: httpSourceName,
      inputKind: base.inputKind,
      limits: config.limits,
      task: openTask(modelOf(config, name), config.limits),
      // Tokenising a text takes too long here, and never fails.
      ...(base.inputKind === 'features' && { checkInput: (input) => void base.encode(input, 0) }),
    }),
    inbox,
    positionOf: (offset) => textOf({ replica: site.sharing?.replica, offset }),
    predictions,
    deadLetters,
    metrics,
    clock,
    onAppended,
  })
}

const httpSourceName = 'http'
