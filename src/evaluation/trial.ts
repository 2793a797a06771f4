/**
 * The trial of a version before it goes live: its judged answers, for a rollout policy and for people.
 * Only answers that were served during this trial count, each by its first judgement.
 */
import type { Json } from '../contracts/core.ts'
import type { JudgedAnswer, TrialStage } from '../contracts/release.ts'
import type { ServedPrediction } from '../contracts/event.ts'

export interface Trial {
  readonly version: string
  readonly stage: TrialStage
  /** `person`: it ends when a person says so. `policy`: the rollout policy decides. */
  readonly by: 'policy' | 'person'
  /** The trainer has made it on top of the live version: when it goes live, learning goes on from where it is. */
  readonly isOwn: boolean
  readonly reason: string
  readonly candidate: TrialSum
  readonly live: TrialSum
  /** For a shadow: judged examples, and those to which both gave the same answer. */
  readonly compared: number
  readonly agreed: number
  /** Accepted events when its stage began; absent in a checkpoint of an earlier release. */
  readonly since?: number
  /** Some error was neither 0 nor 1: they are distances, and have no unit here. */
  readonly isGraded: boolean
  /** A decision that is not carried out yet. */
  readonly due?: TrialDue
}

/** Errors in the task's terms: 0 = right; where answers are right or wrong, 1 = wrong; else the distance. */
interface TrialSum {
  readonly count: number
  readonly errors: number
}

export type TrialDue =
  | { readonly verdict: 'promote' | 'stop'; readonly reason: string }
  | { readonly verdict: 'advance'; readonly reason: string; readonly stage: TrialStage }

export interface RolloutState {
  readonly trial: Trial | null
  /** The newest version that was released during the trial. */
  readonly waiting: { readonly version: string; readonly reason: string } | null
  /** The state of the rollout policy. */
  readonly policy: Json
}

export const noSum: TrialSum = { count: 0, errors: 0 }

interface JudgedTrialAnswer extends JudgedAnswer {
  /** A shadow gave the same answer as the live version. */
  readonly isSame?: boolean
}

/** The errors of a judged answer, for the trial; undefined if it says nothing about it. */
export function judgedIn(
  { version, stage }: Pick<Trial, 'version' | 'stage'>,
  served: Pick<ServedPrediction, 'version' | 'answer' | 'canary' | 'unit' | 'shadow'>,
  judge: (answer: string) => number,
): JudgedTrialAnswer | undefined {
  const { answer, canary, shadow } = served
  const unit = served.unit === undefined ? {} : { unit: served.unit }
  if (stage.kind === 'canary') {
    if (canary !== version) return undefined
    const error = judge(answer)
    return { ...(served.version === version ? { candidate: error } : { live: error }), ...unit }
  }
  if (shadow?.version !== version) return undefined
  const isSame = shadow.answer === answer
  return { candidate: judge(shadow.answer), live: judge(answer), isSame, ...unit }
}

/** The trial with one more judged answer, and that answer with errors between 0 and 1. */
export function withJudged(
  trial: Trial,
  answer: JudgedTrialAnswer,
): { readonly trial: Trial; readonly bounded: JudgedAnswer } {
  const { candidate, live, isSame } = answer
  const unit = trial.isGraded ? unitOf(trial) : undefined
  return {
    trial: {
      ...trial,
      candidate: added(trial.candidate, candidate),
      live: added(trial.live, live),
      compared: trial.compared + (isSame === undefined ? 0 : 1),
      agreed: trial.agreed + (isSame === true ? 1 : 0),
      isGraded: trial.isGraded || [candidate, live].some(isDistance),
    },
    bounded: {
      ...(candidate !== undefined && { candidate: bounded(candidate, unit) }),
      ...(live !== undefined && { live: bounded(live, unit) }),
      ...(answer.unit !== undefined && { unit: answer.unit }),
    },
  }
}

function added({ count, errors }: TrialSum, error: number | undefined): TrialSum {
  return error === undefined ? { count, errors } : { count: count + 1, errors: errors + error }
}

function isDistance(error: number | undefined): boolean {
  return error !== undefined && error !== 0 && error !== 1
}

/** The mean distance so far, of the live version where it has one. Known before the next answer is judged. */
function unitOf({ candidate, live }: Trial): number {
  const { count, errors } = live.errors > 0 ? live : candidate
  return count === 0 ? 0 : errors / count
}

/**
 * e / (e + unit): 0 for the right number, ½ at the usual distance, towards 1 far from it. As the unit is that of the
 * answers before, a sequential test stays valid.
 */
function bounded(error: number, unit: number | undefined): number {
  if (unit === undefined) return Math.min(1, error)
  return error === 0 ? 0 : error / (error + unit)
}
