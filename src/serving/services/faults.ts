/**
 * The problems of a model while the daemon keeps running: by name, with code and fix. A fault of one model does not
 * affect the others, and a fault in a part that answers do not need does not affect the answers.
 */
import { entryOf, failure } from '../../platform/errors.ts'
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Fault, ServedModel, TrainerView, FaultyPart, TrainerReport } from './served-model.ts'

export interface Degradation {
  readonly model: string
  /** The broken part; absent: the trainer. */
  readonly part?: FaultyPart
  readonly state?: string
  /** The name of the source, if the part is a source. */
  readonly source?: string
  readonly code?: string
  readonly message?: string
  readonly fix?: string
}

export function faultsOf(model: ServedModel, trainer: TrainerView): readonly Degradation[] {
  const { name } = model
  const failed = model.live.failedSwap()
  const faults: readonly Fault[] = [
    ...(model.faults?.() ?? []),
    ...(failed === undefined ? [] : [{ part: 'live', error: failed } as const]),
  ]
  return [
    ...faults.map(({ part, error }) => ({ model: name, part, ...described(name, error) })),
    ...faultsOfTrainer(name, trainer.status(name)),
  ]
}

/** A model that answers but does not learn: its trainer has failed, is silent or cannot save, or a source fails. */
function faultsOfTrainer(model: string, report: TrainerReport): readonly Degradation[] {
  const { state, code, copyFault, sources = {} } = report
  const isDegraded = state === 'failed' || state === 'stalled' || code !== undefined
  // The trainer and its other sources continue.
  const failing = Object.entries(sources).filter(([, stats]) => stats.code !== undefined)
  return [
    ...(isDegraded ? [{ model, state, ...described(model, report) }] : []),
    ...failing.map(([source, stats]) => ({
      ...{ model, part: 'source' as const, source },
      ...described(model, stats),
    })),
    ...(copyFault ? [{ model, part: 'copy' as const, ...described(model, copyFault) }] : []),
  ]
}

interface DescribedProblem {
  readonly code?: string | undefined
  readonly message?: string | undefined
}

function described(model: string, { code, message }: DescribedProblem) {
  return {
    ...(code !== undefined && { code, fix: entryOf(code).fix.replaceAll('MODEL', model) }),
    ...(message !== undefined && { message }),
  }
}

/** For good: it will not recover automatically. A bug ends its process, which is restarted. */
export function hasFailed({ state, code }: Pick<TrainerReport, 'state' | 'code'>): boolean {
  if (state !== 'failed' || code === undefined || code === 'INTERNAL') return false
  return entryOf(code).retriable !== true
}

/**
 * Throws the trainer's own code for feedback that would never be learned. A temporary failure does not count: events
 * accepted now are learned after it.
 */
export function refuseWhileFailed(model: string, report: TrainerReport): void {
  const { code, message } = report
  if (!hasFailed(report) || code === undefined) return
  const why = `the trainer of ${model} has failed, and would not learn this: ${message ?? code}`
  throw new CodedError(code, why, { details: { model } })
}

/** A model that has no version to answer with may wait for one in vain: the refusal says why. */
export function explained(
  error: unknown,
  model: string,
  { state, code, message }: TrainerReport,
): unknown {
  const isNotReady = error instanceof CodedError && error.code === 'NOT_READY'
  if (!isNotReady || state !== 'failed' || code === undefined) return error
  const fix = entryOf(code).fix.replaceAll('MODEL', model)
  const details = { trainer_code: code, trainer_message: message ?? '', trainer_fix: fix }
  const why = `${error.message}, because its trainer has failed: ${code}: ${message ?? ''}`
  return failure('NOT_READY', why, { details, fix })
}

/**
 * Whether requests may be sent here: a model answers, and all others answer too or are permanently broken. Broken parts
 * are named, trainers included; they do not make it unready while there are answers.
 */
export interface Readiness {
  readonly isReady: boolean
  /** Models that have no answer yet. */
  readonly silent: readonly string[]
  /** Problems while the daemon keeps running. */
  readonly degraded: readonly Degradation[]
}

export function readinessOf(models: readonly ServedModel[], trainer: TrainerView): Readiness {
  const silent = models.filter(({ live }) => live.live() === undefined)
  const waiting = silent.filter((model) => isAwaited(model, trainer))
  return {
    isReady: waiting.length === 0 && silent.length < models.length,
    silent: (waiting.length > 0 ? waiting : silent).map(({ name }) => name),
    degraded: models.flatMap((model) => faultsOf(model, trainer)),
  }
}

/** It has no answer yet, and no problem that a person has to fix. */
function isAwaited(model: ServedModel, trainer: TrainerView): boolean {
  const isBroken = model.faults?.().some(({ part }) => part === 'model') === true
  return model.live.live() === undefined && !isBroken && !hasFailed(trainer.status(model.name))
}

/**
 * Resolves when every model answers, except for those that never will, to their names: their problem has been logged.
 * Rejects with the reason of `stop`, after which the models are not looked at.
 */
export async function untilServing(
  models: readonly ServedModel[],
  trainer: TrainerView,
  clock: Clock,
  stop: AbortSignal,
): Promise<readonly string[]> {
  stop.throwIfAborted()
  while (models.some((model) => isAwaited(model, trainer))) await clock.sleep(20, stop)
  return models.filter(({ live }) => live.live() === undefined).map(({ name }) => name)
}
