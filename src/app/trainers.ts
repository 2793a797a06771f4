/** The trainer processes of a daemon: one for all models, and one of its own for each model that wants it. */
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { folderOf, modelOf } from '../config/model-parts.ts'
import type { Json } from '../contracts/core.ts'
import { entryUrl } from '../platform/entry.ts'
import { type TrainerStatus, unknownStatus } from '../trainer/contract.ts'
import {
  openSupervisor,
  type Supervisor,
  type SupervisorOptions,
} from '../trainer/process/supervisor.ts'
import { savedStatus } from '../trainer/start/saved-status.ts'
import { isByTrainer } from '../versions/routing.ts'
import type { DaemonContext, KnownModel } from './context.ts'
import type { TrainerConfig } from './trainer.ts'

/** Undefined for a daemon that only answers. */
export function startTrainers(
  context: DaemonContext,
  models: readonly KnownModel[],
  { replica, onComing }: { readonly replica: string } & Pick<SupervisorOptions, 'onComing'>,
): Supervisor | undefined {
  const { config, clock, log, metrics, spans } = context
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
    onSpan: (span) => spans?.add(span),
    ...(onComing && { onComing }),
  })
  follow(supervisor, models)
  return supervisor
}

/** The status of a model that is trained here; undefined if another daemon trains it, or none does. */
export function statusHere(
  supervisor: Supervisor | undefined,
  model: string,
): TrainerStatus | undefined {
  const report = supervisor?.status(model)
  return report === undefined || report.state === 'standby' ? undefined : report
}

/** Moves by a trainer are seen here at once, and moves by others there. */
function follow(supervisor: Supervisor, models: readonly KnownModel[]): void {
  const registries = new Map(models.map(({ name, registry }) => [name, registry]))
  supervisor.onPointer((name) => registries.get(name)?.wake())
  for (const { name, registry } of models)
    registry.watch((pointer) => {
      if (!isByTrainer(pointer)) supervisor.wake(name)
    })
}

function trainerPlans(config: Config, replica: string) {
  const names = Object.keys(config.models)
  const together = names.filter((name) => !modelOf(config, name).isolate)
  const alone = names.filter((name) => modelOf(config, name).isolate)
  const groups = [together, ...alone.map((name) => [name])].filter((models) => models.length > 0)
  const program = entryUrl('src/app/trainer.ts').href
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models, replica }
    return { models, program, config: trainer as unknown as Json }
  })
}
