/** The two sides of a daemon as its role wants them: models that answer, or models that are only watched while they train. */
import { join } from 'node:path'
import { folderOf, modelOf } from './parts.ts'
import { knowModel, openBatchers, openModel, serve } from './served.ts'
import type { KnownModel, ServedModels, DaemonContext } from './daemon-context.ts'
import { watchPlaces } from './places.ts'
import { follow, trainerPlans } from './supervision.ts'
import { brokenLive } from '../serving/live/broken-model.ts'
import { closedDoor, openFollowedModel } from '../serving/live/followed-model.ts'
import type { ServedModel } from '../serving/services/served-model.ts'
import { unknownStatus } from '../trainer/process/host.ts'
import { savedStatus } from '../checkpoint/saved-status.ts'
import { openSetAsidePages } from '../checkpoint/set-aside-pages.ts'
import { openSupervisor, type Supervisor } from '../trainer/process/supervisor.ts'

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
  const batchers = await openBatchers(site, models)
  const served = await Promise.all(
    models.map(async (model) =>
      serve(site, model, batchers, () => {
        model.forwarder?.wake()
        onAppended(model.name)
      }),
    ),
  )
  throwIfNothingWorks(models)
  watchPlaces(site, models)
  return { models, served }
}

/** A daemon without a model that works is no daemon: it says why and ends. */
function throwIfNothingWorks(models: readonly KnownModel[]): void {
  const [error] = models.flatMap(({ faults }) => faults.whole ?? [])
  if (error !== undefined && models.every(({ faults }) => faults.whole !== undefined)) throw error
}

async function openFollowing(site: DaemonContext): Promise<ServedModels> {
  const names = Object.keys(site.config.models)
  const models = await Promise.all(names.map(async (name) => knowModel(site, name)))
  const served = await Promise.all(models.map(async (model) => followOnly(site, model)))
  throwIfNothingWorks(models)
  watchPlaces(site, models)
  return { models, served }
}

async function followOnly(site: DaemonContext, model: KnownModel): Promise<ServedModel> {
  const { clock, log, config } = site
  const { name, base, registry, faults } = model
  const open = () => openFollowedModel({ model: name, registry, clock, log })
  const live = await faults.try('model', open, brokenLive)
  site.atEnd(async () => live.close())
  const { method } = modelOf(config, name).adapter
  const feedback = closedDoor(name)
  const deadLetters = model.deadLetters.pages
  const setAside = openSetAsidePages(join(folderOf(config, name), 'state.db'))
  const shown = { name, base, method, live, registry, feedback, deadLetters, setAside }
  return { ...shown, faults: () => faults.all, waitingRows: () => 0 }
}

/** Nothing for a daemon that only answers. */
export function startTrainers(
  site: DaemonContext,
  models: readonly KnownModel[],
  replica: string,
): Supervisor | undefined {
  const { config, clock, log, metrics } = site
  if (config.role === 'server') return undefined
  const supervisor = openSupervisor({
    children: trainerPlans(config, replica),
    clock,
    log,
    stalledMs: () => config.limits.trainer_silence_ms,
    saved: (model) => savedStatus(join(folderOf(config, model), 'state.db'), unknownStatus(model)),
    onRestart: () => {
      metrics.count('trainerRestarts', {})
    },
  })
  follow(supervisor, models)
  return supervisor
}
