/** What the server and its trainers know of each other: who trains what where, how they are, and who moved a pointer. */
import { modelOf } from './compose.ts'
import type { KnownModel, OpenModel } from './compose-served.ts'
import type { TrainerConfig } from './compose-trainer.ts'
import type { Json, TrainerStatus } from './contracts.ts'
import type { Config } from './runtime/config.ts'
import { entryUrl } from './runtime/entry.ts'
import type { TrainerView } from './serving/served-model.ts'
import { unknownStatus } from './trainer/host.ts'
import type { Supervisor } from './trainer/supervisor.ts'

/** What the trainers say, and what is known here while they are silent. */
export function trainerView(
  models: readonly (KnownModel & Partial<OpenModel>)[],
  supervisor: () => Supervisor | undefined,
  role: Config['role'],
): TrainerView {
  const byName = new Map(models.map((model) => [model.name, model]))
  return {
    status(name) {
      const report = supervisor()?.status(name) ?? { ...absent(name, role), restarts: 0 }
      const { inbox, deadLetters } = byName.get(name) ?? {}
      const refused = Object.values(deadLetters?.counts() ?? {}).reduce(
        (sum, each) => sum + each,
        0,
      )
      const { counts, state } = report
      return {
        ...report,
        // A trainer that has not begun has read nothing since its checkpoint.
        lag:
          state === 'starting' || role === 'server'
            ? Math.max(report.lag, inbox?.unread() ?? 0)
            : report.lag,
        counts: {
          ...counts,
          duplicates: counts.duplicates + (inbox?.duplicates() ?? 0),
          rejected: refused,
        },
      }
    },
  }
}

/** A server has no trainers of its own; another daemon has. */
function absent(name: string, role: Config['role']): TrainerStatus {
  const status = unknownStatus(name)
  if (role !== 'server') return status
  return { ...status, state: 'standby', message: 'this daemon only answers; another one trains' }
}

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
export function trainerPlans(config: Config) {
  const names = Object.keys(config.models)
  const together = names.filter((name) => !modelOf(config, name).isolate)
  const alone = names.filter((name) => modelOf(config, name).isolate)
  const groups = [together, ...alone.map((name) => [name])].filter((models) => models.length > 0)
  const program = entryUrl('./compose-trainer.ts', import.meta.url).href
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models }
    return { models, program, config: trainer as unknown as Json }
  })
}
