/** What the server and its trainers know of each other: who trains what where, how they are, and who moved a pointer. */
import { modelOf } from './compose.ts'
import { doorOf, type Membership } from './compose-membership.ts'
import type { KnownModel, OpenModel } from './compose-site.ts'
import type { TrainerConfig } from './compose-trainer.ts'
import type { Json, TrainerStatus } from './contracts.ts'
import type { Member } from './fleet/members.ts'
import type { Config } from './runtime/config.ts'
import { entryUrl } from './runtime/entry.ts'
import type { TrainerReport, TrainerView } from './serving/served-model.ts'
import { unknownStatus } from './trainer/host.ts'
import type { Supervisor } from './trainer/supervisor.ts'

export interface Known {
  readonly models: readonly (KnownModel & Partial<OpenModel>)[]
  readonly role: Config['role']
  /** Once there is one. */
  readonly supervisor: () => Supervisor | undefined
  /** Of a fleet, once it is in one. */
  readonly membership: () => Membership | undefined
}

/** What the trainers say, here or elsewhere, and what is known while they are silent. */
export function trainerView({ models, role, supervisor, membership }: Known): TrainerView {
  const byName = new Map(models.map((model) => [model.name, model]))
  return {
    status(name) {
      const model = byName.get(name)
      const own = supervisor()?.status(name) ?? { ...absent(name, role), restarts: 0 }
      const others = membership()?.others() ?? []
      const report = own.state === 'standby' ? elsewhere(own, others) : own
      const doors = [doorOf(model), ...others.flatMap(({ models: cards }) => cards[name] ?? [])]
      const sum = (what: 'rejected' | 'duplicates' | 'waiting') =>
        doors.reduce((total, door) => total + door[what], 0)
      const { counts } = report
      return {
        ...report,
        lag: sum('waiting') + Math.max(report.lag, unread(own, role, model)),
        counts: {
          ...counts,
          duplicates: counts.duplicates + sum('duplicates'),
          rejected: sum('rejected'),
        },
      }
    },
  }
}

/** In a fleet what was forwarded is the trainer's to count. A trainer that has not begun has read nothing since its checkpoint. */
function unread(own: TrainerReport, role: Config['role'], model: Partial<OpenModel> = {}): number {
  if (model.forwarder !== undefined) return 0
  return own.state === 'starting' || role === 'server' ? (model.inbox?.unread() ?? 0) : 0
}

/** What the daemon says that trains the model, if it is heard. */
function elsewhere(own: TrainerReport, others: readonly Member[]): TrainerReport {
  for (const { models } of others) {
    const trainer = models[own.model]?.trainer
    if (trainer === undefined || trainer === null) continue
    return { ...trainer, state: 'standby', restarts: own.restarts, ...told(own) }
  }
  return own
}

/** Of the process here. */
function told({ message, lease, pid }: TrainerReport): Partial<TrainerReport> {
  return {
    ...(message !== undefined && { message }),
    ...(lease !== undefined && { lease }),
    ...(pid !== undefined && { pid }),
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
export function trainerPlans(config: Config, replica: string) {
  const names = Object.keys(config.models)
  const together = names.filter((name) => !modelOf(config, name).isolate)
  const alone = names.filter((name) => modelOf(config, name).isolate)
  const groups = [together, ...alone.map((name) => [name])].filter((models) => models.length > 0)
  const program = entryUrl('./compose-trainer.ts', import.meta.url).href
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models, replica }
    return { models, program, config: trainer as unknown as Json }
  })
}
