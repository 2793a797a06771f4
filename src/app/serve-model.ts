/** The server's part of one model: its live version, its feedback, and its state for people. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openReceiptReader, type ReceiptReader } from '../checkpoint/event-log/receipts.ts'
import { openForgetPages } from '../checkpoint/certificates.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'
import { jointForgetPages, jointSetAside } from '../checkpoint/shard-pages.ts'
import { exampleOf, folderOf, modelOf, openTask } from '../config/model-parts.ts'
import { openPolicies, openPolicy, triggerHint } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { shardsOf } from '../config/shards.ts'
import type { Config } from '../config/config.ts'
import type { Task } from '../contracts/task.ts'
import { jointWatch } from '../evaluation/release-decisions.ts'
import { failure } from '../platform/errors.ts'
import { RetryPolicy } from '../platform/retry.ts'
import { storeSizes } from '../platform/store/store-space.ts'
import {
  type WriterOfBase,
  openWriters,
  lazyEmbeddings,
  openEngines,
  type EngineOfBase,
} from '../serving/engine/engine-set.ts'
import { brokenLive, openFollowedModel } from '../serving/live/followed-model.ts'
import type { LiveModel } from '../serving/live/contract.ts'
import { openLiveModel, type LiveModelOptions } from '../serving/live/live-model.ts'
import { ErrorWatch } from '../serving/services/error-watch.ts'
import { feedbackElsewhere, brokenFeedback } from '../serving/services/feedback/feedback-service.ts'
import type { ServedModel } from '../serving/services/served-model.ts'
import type { Base } from '../contracts/base.ts'
import type { DaemonContext, KnownModel, OpenModel } from './context.ts'
import { openFeedback, httpSourceName } from './open-feedback.ts'
import { openTexts } from './open-texts.ts'
import { rankingSecret } from './ranking-secret.ts'

export async function followOnly(context: DaemonContext, model: KnownModel): Promise<ServedModel> {
  const { clock, log, config } = context
  const { name, base, registry, faults } = model
  const open = () => openFollowedModel({ model: name, registry, clock, log })
  const live = await faults.try('model', open, brokenLive)
  context.atEnd(async () => live.close())
  const { method } = modelOf(config, name).adapter
  const feedback = feedbackElsewhere(name)
  const deadLetters = model.deadLetters.pages
  const task = openTask(modelOf(config, name), config.limits, pluginsOf(config))
  const { setAside, forgets } = pagesOf(config, name, task)
  const shown = { name, base, method, task, live, registry, feedback, deadLetters, setAside }
  const letterCounts = () => model.deadLetters.counts()
  const receipts = { model: name, source: httpSourceName, reader: receiptReader(context, name) }
  return {
    ...shown,
    letterCounts,
    forgets,
    receipts,
    faults: () => faults.all,
    waitingRows: () => 0,
  }
}

/** From the checkpoint of the model, or from those of its shards. */
function pagesOf(config: Config, model: string, task: Task) {
  const shards = shardsOf(config, model).map((shard) => folderOf(config, shard))
  const asideIn = (folder: string) => openSetAsidePages(join(folder, 'state.db'), task)
  const folder = folderOf(config, model)
  return shards.length > 0
    ? {
        setAside: jointSetAside(shards.map(asideIn)),
        forgets: jointForgetPages(shards.map(openForgetPages)),
      }
    : { setAside: asideIn(folder), forgets: openForgetPages(folder) }
}

const predictionId = () => `p-${randomUUID()}`

export async function serve(
  context: DaemonContext,
  model: OpenModel,
  all: Engines,
  onAppended: () => void,
): Promise<ServedModel> {
  const { name, base, registry } = model
  const writer = writesTexts(context, name) ? all.writers.get(base) : undefined
  const serving = writer === undefined ? all.engines.get(base) : writingOnly(writer)
  if (serving === undefined) throw new Error(`no engine for the base of ${name}`)
  const embedder = all.embeddings.get(base)
  const { faults } = model
  const task = openTask(
    modelOf(context.config, name),
    context.config.limits,
    pluginsOf(context.config),
  )
  const { method } = modelOf(context.config, name).adapter
  const watch = openErrorWatch(context, name)
  const texts = writer && (await openTexts(context, { ...model, writer, task, predictionId }))
  const lessons = texts?.lessons
  const answering = lessons ? { ...serving, engine: lessons.beside(serving.engine) } : serving
  const open = () => openLive(context, model, answering, (attempt) => watch.observe(attempt))
  const live = await faults.try('model', open, brokenLive)
  const broken = faults.of('model')
  const feedback =
    broken === undefined
      ? await openFeedback(context, { ...model, live }, onAppended)
      : brokenFeedback(broken)
  const { setAside, forgets } = pagesOf(context.config, name, task)
  // In a fleet the checkpoint here may be old; the trainer of the model undoes what it must.
  const forgetTasks = context.sharing === undefined && { forgetTasks: async () => forgets.tasks() }
  watch.begin({ name, registry, live, feedback, ...forgetTasks, ...(texts && { texts }) })
  context.atEnd(async () => watch.settled())
  return {
    ...{ name, base, method, live, registry, feedback },
    answers: () => watch.answers,
    task,
    example: exampleOf(modelOf(context.config, name), task, pluginsOf(context.config), base.reads),
    deadLetters: model.deadLetters.pages,
    faults: () => faults.all,
    setAside,
    forgets,
    receipts: {
      ...{ model: name, source: httpSourceName, inbox: model.inbox },
      reader: receiptReader(context, name),
    },
    trialExpiry: openPolicy(
      'rollout',
      pluginsOf(context.config).policies.rollout,
      modelOf(context.config, name).rollout,
    ).expiry,
    get trigger() {
      return triggerHint(modelOf(context.config, name).trigger)
    },
    letterCounts: () => model.deadLetters.counts(),
    forgotten: () => ({ ids: model.inbox.forgotten(), deadLetters: model.deadLetters.gone() }),
    storeBytes: () => storeSizes(folderOf(context.config, name)),
    waitingRows: () => serving.batcher.waiting(name),
    answering: {
      ...{ base, batcher: serving.batcher, maxTokens: modelOf(context.config, name).max_tokens },
    },
    ...(texts && { texts }),
    ...(task.choices && {
      ranking: {
        predictions: model.predictions,
        predictionId,
        secret: await rankingSecret(context, name),
        log: context.log,
      },
    }),
    ...(embedder && {
      embeddings: { engine: embedder, base, maxTokens: modelOf(context.config, name).max_tokens },
    }),
  }
}

function openErrorWatch({ config, metrics, log }: DaemonContext, model: string): ErrorWatch {
  const { policies } = pluginsOf(config)
  const open = () =>
    jointWatch(openPolicies('rollback', policies.rollback, modelOf(config, model).rollback))
  return new ErrorWatch({ model, policy: open(), forCanary: open, metrics, log })
}

function receiptReader(context: DaemonContext, name: string): ReceiptReader {
  const { config } = context
  const path = join(folderOf(config, name), 'state.db')
  const reader = openReceiptReader(path, config.limits.event_log)
  context.atEnd(() => reader.close())
  return reader
}

async function openLive(
  context: DaemonContext,
  model: OpenModel,
  serving: Serving,
  onAttempt: LiveModelOptions['onAttempt'] & {},
): Promise<LiveModel> {
  const { config, clock, log, metrics } = context
  const live = await openLiveModel({
    model: model.name,
    base: model.base,
    task: openTask(modelOf(config, model.name), config.limits, pluginsOf(config)),
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
    spans: context.spans,
    retry: new RetryPolicy({ clock, firstMs: 1000, longestMs: 1000 }),
    clock,
    metrics,
    log,
  })
  context.atEnd(async () => live.close())
  return live
}

/**
 * The engines of the bases: for rows, for texts that are written token by token, and for embeddings.
 */
type Serving = Pick<LiveModelOptions, 'engine' | 'batcher'>

interface Engines {
  readonly engines: ReadonlyMap<Base, EngineOfBase>
  readonly writers: ReadonlyMap<Base, WriterOfBase>
  /** Engines for embeddings, of the bases that read text. */
  readonly embeddings: ReadonlyMap<Base, () => Promise<EngineOfBase>>
}

/** Each base has one engine of each kind, which all models on it share. */
export async function openAllEngines(
  context: DaemonContext,
  models: readonly OpenModel[],
): Promise<Engines> {
  const { config, clock, log, metrics } = context
  const { methods, tasks } = pluginsOf(config)
  const { workers, batch_rows: rowsPerRun, batch_wait_ms: waitMs } = config.server
  const { queue, queue_bytes: queueBytes } = config.limits
  const batcher = { rowsPerRun, waitMs, queue, queueBytes }
  const basesOf = (writes: boolean) =>
    models.filter(({ name }) => writesTexts(context, name) === writes).map(({ base }) => base)
  const atEnd = (close: () => Promise<void>) => context.atEnd(close)
  const writers = openWriters(basesOf(true), {
    ...{ methods, tasks, threads: workers, limits: config.limits, clock, log, metrics, atEnd },
  })
  const engines = await openEngines(basesOf(false), {
    engine: { methods, tasks, workers },
    batcher,
    ...{ clock, log, metrics, atEnd },
  })
  const embeddings = embeddersOf(
    models.map(({ base }) => base),
    {
      engine: { methods },
      batcher,
      ...{ clock, log, metrics, atEnd },
    },
  )
  return { engines, writers, embeddings }
}

function embeddersOf(bases: readonly Base[], options: Parameters<typeof lazyEmbeddings>[1]) {
  const texts = bases.filter(({ rows }) => rows === 'ids')
  return new Map([...new Set(texts)].map((base) => [base, lazyEmbeddings(base, options)]))
}

function writesTexts({ config }: DaemonContext, model: string): boolean {
  return openTask(modelOf(config, model), config.limits, pluginsOf(config)).texts !== undefined
}

/** Its texts take many steps: no batch of rows answers. */
function writingOnly({ engine, scheduler }: WriterOfBase): Serving {
  const refuse = async () =>
    Promise.reject(failure('REQUEST_INVALID', 'this model writes texts, and answers nothing else'))
  return { engine, batcher: { run: refuse, waiting: (model) => scheduler.waiting(model) } }
}
