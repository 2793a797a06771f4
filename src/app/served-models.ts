/** The two sides of a daemon as its role wants them: models that answer, or models that are only watched while they train. */
import { join } from 'node:path'
import { folderOf, modelOf, openTask } from './parts.ts'
import { methods, tasks } from '../plugins.ts'
import { knowModel, openModel, serve } from './served.ts'
import type { KnownModel, ServedModels, DaemonContext } from './daemon-context.ts'
import type { CodedError } from '../contracts/core.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { watchPlaces } from '../platform/store/watch-places.ts'
import { openEngines } from '../serving/engine/engine-set.ts'
import { brokenLive } from '../serving/live/broken-live.ts'
import { openFollowedModel } from '../serving/live/followed-model.ts'
import { feedbackElsewhere } from '../serving/services/feedback/no-feedback.ts'
import type { ServedModel } from '../serving/services/served-model.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'

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
  const bases = models.map(({ base }) => base)
  const engines = await openEngines(bases, {
    engine: { methods, tasks, workers },
    batcher: { rowsPerRun, waitMs, queue: config.limits.queue },
    ...{ clock, log, metrics },
    atEnd: (close) => site.atEnd(close),
  })
  const served = await Promise.all(
    models.map(async (model) =>
      serve(site, model, engines, () => {
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
  return { ...shown, faults: () => faults.all, waitingRows: () => 0 }
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
