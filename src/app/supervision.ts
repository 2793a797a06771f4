/** What the server and its trainers know of each other: who trains what where, how they are, and who moved a pointer. */
import { modelOf } from './parts.ts'
import { doorOf, type Membership } from './membership.ts'
import { reachedGeneration, unlearnedHere, unreadHere } from './positions.ts'
import type { KnownModel, OpenModel } from './daemon-context.ts'
import type { TrainerConfig } from './trainer.ts'
import type { Json } from '../contracts/core.ts'
import type { TrainerStatus } from '../trainer/contract.ts'
import type { Member, MemberModel } from '../fleet/members.ts'
import type { Config } from '../config/config.ts'
import { entryUrl } from '../platform/entry.ts'
import type { TrainerReport, TrainerView } from '../serving/services/served-model.ts'
import { unknownStatus } from '../trainer/process/host.ts'
import type { Supervisor } from '../trainer/process/supervisor.ts'

export interface Known {
  readonly models: readonly (KnownModel & Partial<OpenModel>)[]
  readonly role: Config['role']
  /** Once there is one. */
  readonly supervisor: () => Supervisor | undefined
  /** Of a fleet, once it is in one. */
  readonly membership: () => Membership | undefined
}

/** What the trainers say, here or elsewhere, and what is known while they are silent. */
export function trainerView(known: Known): TrainerView {
  const byName = new Map(known.models.map((model) => [model.name, model]))
  return {
    status(name) {
      const report = reportOf(name, known)
      const model = byName.get(name)
      const others = doorsOf(name, known.membership)
      const doors = [{ ...doorOf(model), unread: unreadHere(model ?? {}, report) }, ...others]
      const sum = (count: (door: MemberModel | (typeof doors)[number]) => number) =>
        doors.reduce((total, door) => total + count(door), 0)
      const { counts } = report
      return {
        ...report,
        lag: lagOf(report, {
          isFleet: known.membership() !== undefined,
          unread: sum(({ unread, waiting }) => unread ?? waiting),
          waiting: sum(({ waiting }) => waiting),
        }),
        counts: {
          ...counts,
          duplicates: counts.duplicates + sum(({ duplicates }) => duplicates),
          rejected: sum(({ rejected }) => rejected),
        },
      }
    },
    unlearned(name) {
      const model = byName.get(name)
      return model?.forwarder === undefined
        ? unlearnedHere(model ?? {}, reportOf(name, known))
        : undefined
    },
    reached(name, position) {
      const { replica } = position
      const others = known.membership()?.others() ?? []
      const there = others.find((member) => member.replica === replica)?.models[name]
      return reachedGeneration(position, reportOf(name, known), there ?? doorOf(byName.get(name)))
    },
  }
}

function reportOf(name: string, { role, supervisor, membership }: Known): TrainerReport {
  const own = supervisor()?.status(name) ?? { ...absent(name, role), restarts: 0 }
  const others = membership()?.others() ?? []
  // One that failed here leaves the model to another daemon.
  const isElsewhere = own.state === 'standby' || (own.state === 'failed' && isTrained(name, others))
  return isElsewhere ? elsewhere(own, others) : own
}

function isTrained(name: string, others: readonly Member[]): boolean {
  return others.some(({ models }) => {
    const state = models[name]?.trainer?.state
    return state === 'running' || state === 'idle' || state === 'paused'
  })
}

function doorsOf(name: string, membership: Known['membership']): readonly MemberModel[] {
  return (membership()?.others() ?? []).flatMap(({ models }) => models[name] ?? [])
}

/**
 * HTTP feedback is counted where it is durable, whatever the trainer last said of it; the other sources as it last
 * measured them. In a fleet a door that is gone has left its messages in the stream.
 */
function lagOf(
  { lag, sources }: TrainerReport,
  doors: { readonly isFleet: boolean; readonly unread: number; readonly waiting: number },
): number {
  const told = sources?.http?.lag ?? 0
  const feedback = doors.isFleet ? Math.max(doors.unread, doors.waiting + told) : doors.unread
  return lag - told + feedback
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
  const program = entryUrl('./trainer.ts', import.meta.url).href
  const isTerminal = process.stderr.isTTY
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models, replica, isTerminal }
    return { models, program, config: trainer as unknown as Json }
  })
}
