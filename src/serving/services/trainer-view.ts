/**
 * What the trainers of the fleet report about each model, with the counts of each replica's intake. The daemon that
 * trains a model reports it.
 */
import { defined } from '../../platform/defined.ts'
import { failure } from '../../platform/errors.ts'
import type { Member, MemberModel } from './fleet/members.ts'
import {
  reachedGeneration,
  unlearnedHere,
  unreadHere,
  intakeCounts,
  textOf,
  type ModelIntake,
} from './feedback/feedback-progress.ts'
import type { TrainerReport, TrainerView } from './served-model.ts'

interface TrainerViewOptions {
  readonly models: readonly ModelIntake[]
  /** The report of this daemon's own trainer. */
  readonly own: (model: string) => TrainerReport
  /** Asks the trainers of this daemon. */
  readonly ask?: NonNullable<TrainerView['ask']>
  readonly onReport?: NonNullable<TrainerView['onReport']>
  /** The shards that a model is merged from; none for most models. */
  readonly shardsOf?: (model: string) => readonly string[]
  /** The other daemons of the fleet; undefined for a single daemon. */
  readonly others: () => readonly Member[] | undefined
}

export function trainerView(options: TrainerViewOptions): TrainerView {
  const { ask, onReport } = options
  const byName = new Map(options.models.map((model) => [model.name, model]))
  const others = () => options.others() ?? []
  const view: TrainerView = {
    status(name) {
      const shards = options.shardsOf?.(name) ?? []
      if (shards.length > 0)
        return joint(
          reportOf(name, options),
          shards.map((shard) => view.status(shard)),
        )
      const report = reportOf(name, options)
      const model = byName.get(name)
      const here = { ...intakeCounts(model), unread: unreadHere(model ?? {}, report) }
      const intakes = [here, ...others().flatMap(({ models }) => models[name] ?? [])]
      const sum = (count: (intake: MemberModel | typeof here) => number) =>
        intakes.reduce((total, intake) => total + count(intake), 0)
      const { counts } = report
      return {
        ...report,
        lag: lagOf(report, {
          isFleet: options.others() !== undefined,
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
    ...defined({ ask, onReport }),
    unlearned(name) {
      const model = byName.get(name)
      if (model?.forwarder !== undefined) return undefined
      return unlearnedHere(model ?? {}, reportOf(name, options))
    },
    reached(name, position) {
      const { replica, offset } = position
      const { end = Infinity } = byName.get(name)?.inbox?.marks() ?? {}
      if (replica === undefined && options.others() === undefined && offset > end)
        throw failure(
          'REQUEST_INVALID',
          'wait_for is no position that feedback has answered with',
          {
            details: { position: textOf(position), end: String(end) },
          },
        )
      const there = others().find((other) => other.replica === replica)?.models[name]
      const forwarded =
        replica === undefined ? undefined : (there ?? intakeCounts(byName.get(name)))
      return reachedGeneration(position, reportOf(name, options), forwarded)
    },
  }
  return view
}

/** What the shards of a model report, as that of one trainer. Each reads all records: the one that is behind most is the lag. */
function joint(merger: TrainerReport, shards: readonly TrainerReport[]): TrainerReport {
  const sum = (of: (report: TrainerReport) => number | undefined) =>
    shards.reduce((total, report) => total + (of(report) ?? 0), 0)
  const failed = shards.find(({ state }) => state === 'failed' || state === 'stalled')
  const busy = shards.find(({ state }) => state !== 'idle' && state !== 'standby')
  const { state, code, message } = failed ?? (merger.state === 'idle' && busy ? busy : merger)
  return {
    ...merger,
    ...{ state, ...defined({ code, message }) },
    lag: Math.max(...shards.map(({ lag }) => lag)),
    pending: sum(({ pending }) => pending),
    counts: {
      accepted: sum(({ counts }) => counts.accepted),
      duplicates: sum(({ counts }) => counts.duplicates),
      learned: sum(({ counts }) => counts.learned),
      rejected: sum(({ counts }) => counts.rejected),
      waiting: sum(({ counts }) => counts.waiting),
      set_aside: sum(({ counts }) => counts.set_aside),
      unanswered: sum(({ counts }) => counts.unanswered),
    },
    restarts: merger.restarts + sum(({ restarts }) => restarts),
    residentBytes: merger.residentBytes + sum(({ residentBytes }) => residentBytes),
  }
}

function reportOf(name: string, options: TrainerViewOptions): TrainerReport {
  const own = options.own(name)
  const others = options.others() ?? []
  // One that failed here leaves the model to another daemon.
  const isElsewhere = own.state === 'standby' || (own.state === 'failed' && isTrained(name, others))
  return isElsewhere ? elsewhere(own, others) : own
}

const TRAINING: ReadonlySet<string | undefined> = new Set(['running', 'idle', 'paused', 'budget'])

function isTrained(name: string, others: readonly Member[]): boolean {
  return others.some(({ models }) => TRAINING.has(models[name]?.trainer?.state))
}

/**
 * HTTP feedback is counted where it is durable, independent of the trainer's last report; other sources as the trainer
 * last measured them. In a fleet, the messages of a lost replica remain in the stream.
 */
function lagOf(
  { lag, sources }: TrainerReport,
  intakes: { readonly isFleet: boolean; readonly unread: number; readonly waiting: number },
): number {
  const reported = sources?.http?.lag ?? 0
  const { isFleet, unread, waiting } = intakes
  return lag - reported + (isFleet ? Math.max(unread, waiting + reported) : unread)
}

/** The report of the daemon that trains the model, if there is one. */
function elsewhere(own: TrainerReport, others: readonly Member[]): TrainerReport {
  const { message, lease, pid } = own
  for (const { models } of others) {
    const trainer = models[own.model]?.trainer
    if (trainer === undefined || trainer === null) continue
    return {
      ...trainer,
      state: 'standby',
      restarts: own.restarts,
      ...defined({ message, lease, pid }),
    }
  }
  return own
}
