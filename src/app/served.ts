/**
 * The server's side of each model, as the role of the daemon wants it: its stores on this machine, the engine of its base
 * and its live version; or, where it only trains, what is watched of it.
 */
import { signedSourcesOf } from '../config/signed-sources.ts'
import {
  exampleOf,
  folderOf,
  lettersLimits,
  modelOf,
  openBaseOf,
  openTask,
} from '../config/model-parts.ts'
import { openPolicies, openPolicy, triggerHint } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { jointWatch } from '../evaluation/joint-rollback.ts'
import { ErrorWatch } from '../serving/services/error-watch.ts'
import type { DaemonContext, KnownModel, OpenModel, ServedModels } from './context.ts'
import { openSharedRegistry } from './model.ts'
import { join } from 'node:path'
import { methods, tasks } from '../plugins.ts'
import type { CodedError } from '../contracts/core.ts'
import type { Task } from '../contracts/task.ts'
import { failure, invariant } from '../platform/errors.ts'
import { inputKindOf } from '../intake/events/input.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { watchPlaces } from '../platform/store/watch-places.ts'
import { lazyEmbeddings } from '../serving/engine/embedding-engine.ts'
import { openEngines, type EngineOfBase } from '../serving/engine/engine-set.ts'
import { openWriters, type WriterOfBase } from '../serving/engine/writers.ts'
import { brokenLive } from '../serving/live/broken-live.ts'
import { openFollowedModel } from '../serving/live/followed-model.ts'
import { feedbackElsewhere, brokenFeedback } from '../serving/services/feedback/no-feedback.ts'
import type { ServedModel, FaultyPart } from '../serving/services/served-model.ts'
import { openForgetPages } from '../checkpoint/forget-pages.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'
import { randomUUID } from 'node:crypto'
import { predictionSink, sendLetters, shareModel } from './streams.ts'
import type { Base } from '../contracts/base.ts'
import { openDiskInbox, openDiskLetters, openDiskPredictions } from '../intake/disk/clients.ts'
import { servedEverywhere } from '../intake/predictions/fleet-predictions.ts'
import {
  brokenDeadLetters,
  guardedDeadLetters,
  probedDeadLetters,
} from '../intake/dead-letters/broken.ts'
import { openReceiptReader, type ReceiptReader } from '../checkpoint/event-log/receipts.ts'
import { brokenInbox, guardedInbox, probedInbox } from '../intake/inbox/broken.ts'
import { openPredictionTraces } from '../intake/predictions/traces.ts'
import type { TraceOfPrediction } from '../serving/services/feedback/traced-events.ts'
import { predictionsNotKept } from '../intake/predictions/not-kept.ts'
import { FaultLog } from '../platform/store/fault-log.ts'
import { textOf } from '../serving/services/feedback/position.ts'
import { brokenRegistry } from '../versions/broken.ts'
import { eventCheck } from '../serving/services/feedback/event-check.ts'
import {
  openFeedbackService,
  type FeedbackService,
} from '../serving/services/feedback/feedback-service.ts'
import { openLiveModel, type LiveModel, type LiveModelOptions } from '../serving/live/live-model.ts'
import { watchUndone } from '../serving/services/feedback/undone-feedback.ts'
import { RetryPolicy } from '../platform/retry.ts'
import { storeSizes } from '../platform/store/store-space.ts'

/** `onAppended`: the model's trainer has something to read. */
export async function openServedModels(
  site: DaemonContext,
  onAppended: (model: string) => void,
): Promise<ServedModels> {
  return site.config.role === 'trainer' ? openFollowing(site) : openAnswering(site, onAppended)
}

async function openAnswering(
  site: DaemonContext,
  onAppended: (model: string) => void,
): Promise<ServedModels> {
  const names = Object.keys(site.config.models)
  const models = await Promise.all(names.map(async (name) => openModel(site, name)))
  const { config, clock, log, metrics } = site
  const { workers, batch_rows: rowsPerRun, batch_wait_ms: waitMs } = config.server
  const basesOf = (writes: boolean) =>
    models.filter(({ name }) => writesTexts(site, name) === writes).map(({ base }) => base)
  const atEnd = (close: () => Promise<void>) => site.atEnd(close)
  const writers = openWriters(basesOf(true), {
    ...{ methods, tasks, threads: workers, limits: config.limits, clock, log, metrics, atEnd },
  })
  const engines = await openEngines(basesOf(false), {
    engine: { methods, tasks, workers },
    batcher: { rowsPerRun, waitMs, queue: config.limits.queue },
    responseCacheBytes: config.limits.response_cache_bytes,
    ...{ clock, log, metrics, atEnd },
  })
  const embeddings = embeddersOf(
    models.map(({ base }) => base),
    {
      engine: { methods },
      batcher: { rowsPerRun, waitMs, queue: config.limits.queue },
      responseCacheBytes: 0,
      ...{ clock, log, metrics, atEnd },
    },
  )
  const served = await Promise.all(
    models.map(async (model) =>
      serve(site, model, { engines, writers, embeddings }, () => {
        model.forwarder?.wake()
        onAppended(model.name)
      }),
    ),
  )
  throwIfNothingWorks(models)
  watchFiles(site, models)
  return { models, served }
}

/** A daemon without a model that works is no daemon: it says why and ends. */
function throwIfNothingWorks(models: readonly KnownModel[]): void {
  const errors = models.flatMap(({ faults }) => faults.of('model') ?? [])
  if (errors[0] !== undefined && errors.length === models.length) throw errors[0]
}

async function openFollowing(site: DaemonContext): Promise<ServedModels> {
  const names = Object.keys(site.config.models)
  const models = await Promise.all(names.map(async (name) => knowModel(site, name)))
  const served = await Promise.all(models.map(async (model) => followOnly(site, model)))
  throwIfNothingWorks(models)
  watchFiles(site, models)
  return { models, served }
}

async function followOnly(site: DaemonContext, model: KnownModel): Promise<ServedModel> {
  const { clock, log, config } = site
  const { name, base, registry, faults } = model
  const open = () => openFollowedModel({ model: name, registry, clock, log })
  const live = await faults.try('model', open, brokenLive)
  site.atEnd(async () => live.close())
  const { method } = modelOf(config, name).adapter
  const feedback = feedbackElsewhere(name)
  const deadLetters = model.deadLetters.pages
  const task = openTask(modelOf(config, name), config.limits)
  const setAside = openSetAsidePages(join(folderOf(config, name), 'state.db'), task)
  const shown = { name, base, method, task, live, registry, feedback, deadLetters, setAside }
  const forgets = openForgetPages(folderOf(config, name))
  const receipts = { model: name, source: httpSourceName, reader: receiptReader(site, name) }
  return { ...shown, forgets, receipts, faults: () => faults.all, waitingRows: () => 0 }
}

/** Feedback is refused by the commit itself; this shows the fault while nothing comes in. */
function watchFiles(site: DaemonContext, models: readonly KnownModel[]): void {
  const files = models.flatMap(({ name, faults }) =>
    ['registry.db', inboxFile, deadLettersFile].map((file) => ({
      path: join(folderOf(site.config, name), file),
      onFault: (error: CodedError) => faults.note('data_dir', error),
    })),
  )
  site.atEnd(watchPlaces(files, site.clock))
}

async function knowModel(site: DaemonContext, name: string): Promise<KnownModel> {
  const { config, clock, log, metrics, sharing } = site
  const base = await openBaseOf(modelOf(config, name))
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

async function openModel(site: DaemonContext, name: string): Promise<OpenModel> {
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

type Serving = Pick<LiveModelOptions, 'engine' | 'batcher'>

interface Engines {
  readonly engines: ReadonlyMap<Base, EngineOfBase>
  readonly writers: ReadonlyMap<Base, WriterOfBase>
  /** Of bases of text. */
  readonly embeddings: ReadonlyMap<Base, () => Promise<EngineOfBase>>
}

function embeddersOf(bases: readonly Base[], options: Parameters<typeof lazyEmbeddings>[1]) {
  const texts = bases.filter(({ inputKind }) => inputKind === 'text')
  return new Map([...new Set(texts)].map((base) => [base, lazyEmbeddings(base, options)]))
}

function writesTexts({ config }: DaemonContext, model: string): boolean {
  return openTask(modelOf(config, model), config.limits).texts !== undefined
}

/** Its texts take many steps: no batch of rows answers. */
function writingOnly({ engine, scheduler }: WriterOfBase): Serving {
  const refuse = async () =>
    Promise.reject(failure('REQUEST_INVALID', 'this model writes texts, and answers nothing else'))
  return { engine, batcher: { run: refuse, waiting: (model) => scheduler.waiting(model) } }
}

const predictionId = () => `p-${randomUUID()}`

const dayMs = 24 * 60 * 60 * 1000

async function serve(
  site: DaemonContext,
  model: OpenModel,
  all: Engines,
  onAppended: () => void,
): Promise<ServedModel> {
  const { name, base, registry } = model
  const writer = writesTexts(site, name) ? all.writers.get(base) : undefined
  const serving = writer === undefined ? all.engines.get(base) : writingOnly(writer)
  if (serving === undefined) throw new Error(`no engine for the base of ${name}`)
  const embedder = all.embeddings.get(base)
  const { faults } = model
  const task = openTask(modelOf(site.config, name), site.config.limits)
  const { method } = modelOf(site.config, name).adapter
  const watch = openErrorWatch(site, name)
  const open = () => openLive(site, model, serving, (attempt) => watch.observe(attempt))
  const live = await faults.try('model', open, brokenLive)
  const broken = faults.of('model')
  const feedback =
    broken === undefined
      ? await openFeedback(site, { ...model, live }, onAppended)
      : brokenFeedback(broken)
  watch.begin({ name, registry, live, feedback })
  site.atEnd(async () => watch.settled())
  return {
    ...{ name, base, method, live, registry, feedback },
    answers: () => watch.answers,
    task,
    example: exampleOf(modelOf(site.config, name), task),
    deadLetters: model.deadLetters.pages,
    faults: () => faults.all,
    setAside: openSetAsidePages(join(folderOf(site.config, name), 'state.db'), task),
    forgets: openForgetPages(folderOf(site.config, name)),
    receipts: {
      ...{ model: name, source: httpSourceName, inbox: model.inbox },
      reader: receiptReader(site, name),
    },
    trialExpiry: openPolicy(
      'rollout',
      pluginsOf(site.config).policies.rollout,
      modelOf(site.config, name).rollout,
    ).expiry,
    get trigger() {
      return triggerHint(modelOf(site.config, name).trigger)
    },
    forgotten: () => ({ ids: model.inbox.forgotten(), deadLetters: model.deadLetters.gone() }),
    storeBytes: () => storeSizes(folderOf(site.config, name)),
    waitingRows: () => serving.batcher.waiting(name),
    ...(writer && { texts: textsOf(site, model, writer, task) }),
    ...(embedder && {
      embeddings: { engine: embedder, base, maxTokens: modelOf(site.config, name).max_tokens },
    }),
  }
}

/** How a language model answers requests that ask for a text. */
function textsOf(
  { metrics }: DaemonContext,
  { base, predictions }: OpenModel,
  { scheduler }: WriterOfBase,
  task: Task,
) {
  const { language } = base
  invariant(language && task.texts, 'a model that writes texts on a base without tokens to end one')
  const { usual } = task.texts
  return { language, usual, scheduler, predictions, predictionId, metrics }
}

function openErrorWatch({ config, metrics, log }: DaemonContext, model: string): ErrorWatch {
  const { policies } = pluginsOf(config)
  const open = () =>
    jointWatch(openPolicies('rollback', policies.rollback, modelOf(config, model).rollback))
  return new ErrorWatch({ model, policy: open(), forCanary: open, metrics, log })
}

function receiptReader(site: DaemonContext, name: string): ReceiptReader {
  const { config } = site
  const path = join(folderOf(config, name), 'state.db')
  const reader = openReceiptReader(path, config.limits.event_log)
  site.atEnd(() => reader.close())
  return reader
}

async function openLive(
  site: DaemonContext,
  model: OpenModel,
  serving: Serving,
  onAttempt: LiveModelOptions['onAttempt'] & {},
): Promise<LiveModel> {
  const { config, clock, log, metrics } = site
  const live = await openLiveModel({
    model: model.name,
    base: model.base,
    task: openTask(modelOf(config, model.name), config.limits),
    maxTokens: modelOf(config, model.name).max_tokens,
    batcher: serving.batcher,
    predictions: model.predictions,
    predictionId,
    registry: model.registry,
    engine: serving.engine,
    onAttempt,
    onAnswering: (version) => model.registry.answersWith(version),
    idleVersions: 4,
    mostVersions: 16,
    shadowRows: config.limits.shadow_rows,
    spans: site.spans,
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
  model: OpenModel & { readonly live: LiveModel },
  onAppended: () => void,
): Promise<FeedbackService> {
  const { name, base, inbox, predictions, deadLetters, live } = model
  const { clock, metrics, config, log } = site
  const { registry } = model
  const signed = signedSourcesOf(modelOf(config, name))
  const undone = await watchUndone({ registry, end: () => inbox.marks().end, log })
  site.atEnd(() => undone.close())
  return openFeedbackService({
    undone,
    model: name,
    source: httpSourceName,
    check: eventCheck({
      model: name,
      source: httpSourceName,
      inputKind: inputKindOf(base),
      limits: config.limits,
      task: openTask(modelOf(config, name), config.limits),
      ...(signed && { signed: { sources: signed, clock } }),
      // Tokenising a text takes too long here, and never fails.
      ...(base.inputKind === 'features' && { checkInput: (input) => void base.encode(input, 0) }),
    }),
    inbox,
    positionOf: (offset) => textOf({ replica: site.sharing?.replica, offset }),
    predictions: {
      flush: async () => {
        await live.settled()
        await predictions.flush()
      },
      traceOf: tracesOf(site, model),
    },
    deadLetters,
    metrics,
    clock,
    sourceLimit: site.sourceLimit,
    onAppended,
  })
}

/** Undefined where nothing is traced, or no prediction is kept. */
function tracesOf(site: DaemonContext, { name, faults }: OpenModel): TraceOfPrediction | undefined {
  if (site.spans === undefined || faults.of('inbox') !== undefined) return undefined
  const traces = openPredictionTraces(join(folderOf(site.config, name), inboxFile))
  site.atEnd(() => {
    traces.close()
  })
  return (predictionId) => traces.of(predictionId)
}

const httpSourceName = 'http'
