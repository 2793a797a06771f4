/** Which models are trained in which process, and how server and trainers tell each other of moves. */
import type { Config } from '../config/config.ts'
import type { Json } from '../contracts/core.ts'
import { entryUrl } from '../platform/entry.ts'
import type { Supervisor } from '../trainer/process/supervisor.ts'
import type { KnownModel } from './daemon-context.ts'
import { modelOf } from './parts.ts'
import type { TrainerConfig } from './trainer.ts'

/** Moves by a trainer are seen here at once, and moves by a person there. */
export function follow(supervisor: Supervisor, models: readonly KnownModel[]): void {
  const registries = new Map(models.map(({ name, registry }) => [name, registry]))
  supervisor.onPointer((name) => registries.get(name)?.wake())
  for (const { name, registry } of models)
    registry.watch(() => {
      supervisor.wake(name)
    })
}

/** One process for all models, and one of its own for each that wants it. */
export function trainerPlans(config: Config, replica: string) {
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
