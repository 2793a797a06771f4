/** The server's part of one model: its live version, its feedback, and its state for people. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openReceiptReader, type ReceiptReader } from '../checkpoint/event-log/receipts.ts'
import { openForgetPages } from '../checkpoint/certificates.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'
import { exampleOf, folderOf, modelOf, openTask } from '../config/model-parts.ts'
import { openPolicies, openPolicy, triggerHint } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import type { Task } from '../contracts/task.ts'
import { jointWatch } from '../evaluation/release-decisions.ts'
import { withoutLanguage } from '../intake/encode-example.ts'
import { invariant } from '../platform/errors.ts'
import { RetryPolicy } from '../platform/retry.ts'
import { storeSizes } from '../platform/store/store-space.ts'
import type { WriterOfBase } from '../serving/engine/engine-set.ts'
import type { LiveModel } from '../serving/live/contract.ts'
import { openFollowedModel, brokenLive } from '../serving/live/followed-model.ts'
import { openLiveModel, type LiveModelOptions } from '../serving/live/live-model.ts'
import { ErrorWatch } from '../serving/services/error-watch.ts'
import { feedbackElsewhere, brokenFeedback } from '../serving/services/feedback/feedback-service.ts'
import type { ServedModel } from '../serving/services/served-model.ts'
import type { DaemonContext, KnownModel, OpenModel } from './context.ts'
import { openFeedback, httpSourceName } from './open-feedback.ts'
import { writesTexts, writingOnly, type Serving, type Engines } from './served-engines.ts'

export async function followOnly(site: DaemonContext, model: KnownModel): Promise<ServedModel> {
  const { clock, log, config } = site
  const { name, base, registry, faults } = model
  const open = () => openFollowedModel({ model: name, registry, clock, log })
  const live = await faults.try('model', open, brokenLive)
  site.atEnd(async () => live.close())
  const { method } = modelOf(config, name).adapter
  const feedback = feedbackElsewhere(name)
  const deadLetters = model.deadLetters.pages
  const task = openTask(modelOf(config, name), config.limits, pluginsOf(config))
  const setAside = openSetAsidePages(join(folderOf(config, name), 'state.db'), task)
  const shown = { name, base, method, task, live, registry, feedback, deadLetters, setAside }
  const letterCounts = () => model.deadLetters.counts()
  const forgets = openForgetPages(folderOf(config, name))
  const receipts = { model: name, source: httpSourceName, reader: receiptReader(site, name) }
  return {
    ...shown,
    letterCounts,
    forgets,
    receipts,
    faults: () => faults.all,
    waitingRows: () => 0,
  }
}

const predictionId = () => `p-${randomUUID()}`

export async function serve(
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
  const task = openTask(modelOf(site.config, name), site.config.limits, pluginsOf(site.config))
  const { method } = modelOf(site.config, name).adapter
  const watch = openErrorWatch(site, name)
  const open = () => openLive(site, model, serving, (attempt) => watch.observe(attempt))
  const live = await faults.try('model', open, brokenLive)
  const broken = faults.of('model')
  const feedback =
    broken === undefined
      ? await openFeedback(site, { ...model, live }, onAppended)
      : brokenFeedback(broken)
  const forgets = openForgetPages(folderOf(site.config, name))
  // In a fleet the checkpoint here may be old; the trainer of the model undoes what it must.
  const forgetTasks = site.sharing === undefined && { forgetTasks: async () => forgets.tasks() }
  const texts = writer && textsOf(site, model, writer, task)
  watch.begin({ name, registry, live, feedback, ...forgetTasks, ...(texts && { texts }) })
  site.atEnd(async () => watch.settled())
  return {
    ...{ name, base, method, live, registry, feedback },
    answers: () => watch.answers,
    task,
    example: exampleOf(modelOf(site.config, name), task, pluginsOf(site.config), base.reads),
    deadLetters: model.deadLetters.pages,
    faults: () => faults.all,
    setAside: openSetAsidePages(join(folderOf(site.config, name), 'state.db'), task),
    forgets,
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
    letterCounts: () => model.deadLetters.counts(),
    forgotten: () => ({ ids: model.inbox.forgotten(), deadLetters: model.deadLetters.gone() }),
    storeBytes: () => storeSizes(folderOf(site.config, name)),
    waitingRows: () => serving.batcher.waiting(name),
    answering: {
      ...{ base, batcher: serving.batcher, maxTokens: modelOf(site.config, name).max_tokens },
    },
    ...(texts && { texts }),
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
  if (language === undefined) throw withoutLanguage(base)
  invariant(task.texts, 'a model that writes texts without a task for them')
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
    spans: site.spans,
    retry: new RetryPolicy({ clock, firstMs: 1000, longestMs: 1000 }),
    clock,
    metrics,
    log,
  })
  site.atEnd(async () => live.close())
  return live
}
