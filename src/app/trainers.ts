/** The trainers of a daemon: which models are trained in which process, and how server and trainers hear of each other's moves. */
import { join } from 'node:path'
import { savedStatus } from '../trainer/start/saved-status.ts'
import type { Config } from '../config/config.ts'
import type { Json } from '../contracts/core.ts'
import { entryUrl } from '../platform/entry.ts'
import { openSupervisor, type Supervisor } from '../trainer/process/supervisor.ts'
import { unknownStatus } from '../trainer/unknown-status.ts'
import type { DaemonContext, KnownModel } from './daemon-context.ts'
import { folderOf, modelOf } from './parts.ts'
import type { TrainerConfig } from './trainer.ts'

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

/** Moves by a trainer are seen here at once, and moves by a person there. */
function follow(supervisor: Supervisor, models: readonly KnownModel[]): void {
  const registries = new Map(models.map(({ name, registry }) => [name, registry]))
  supervisor.onPointer((name) => registries.get(name)?.wake())
  for (const { name, registry } of models)
    registry.watch(() => {
      supervisor.wake(name)
    })
}

/** One process for all models, and one of its own for each that wants it. */
function trainerPlans(config: Config, replica: string) {
  const names = Object.keys(config.models)
  const together = names.filter((name) => !modelOf(config, name).isolate)
  const alone = names.filter((name) => modelOf(config, name).isolate)
  const groups = [together, ...alone.map((name) => [name])].filter((models) => models.length > 0)
  const program = entryUrl('./trainer.ts', import.meta.url).href
  const isTerminal = process.stderr.isTTY
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models, replica, isTerminal }
    return { models, program, config: trainer as unknown as Json }
  })
}
