/**
 * Whether requests may be sent here: a model answers, and all others answer too or are permanently broken. Broken parts
 * are named, trainers included; they do not make it unready while there are answers.
 */
import type { Clock } from '../../contracts/core.ts'
import type { Degradation } from './degraded.ts'
import { faultsOf } from './faults.ts'
import type { ServedModel, TrainerView } from './served-model.ts'
import { hasFailed } from './trainer-fault.ts'

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
    degraded: models.flatMap((model) => [...faultsOf(model, trainer)]),
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
