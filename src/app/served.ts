/**
 * The server's side of each model, as the role of the daemon wants it: its stores on this machine, the engine of its base
 * and its live version; or, if it only trains, the parts that it watches.
 */
import { join } from 'node:path'
import { folderOf } from '../config/model-parts.ts'
import type { CodedError } from '../contracts/core.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { watchPlaces } from '../platform/store/file-place.ts'
import type { DaemonContext, KnownModel, ServedModels } from './context.ts'
import { knowModel, openModel } from './model-stores.ts'
import { followOnly, serve } from './serve-model.ts'
import { openAllEngines } from './served-engines.ts'

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
  const engines = await openAllEngines(site, models)
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
