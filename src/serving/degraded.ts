/** Models that answer while nothing new can be learned: their trainer has failed, or does not speak. */
import { entryOf } from '../runtime/errors.ts'
import type { FaultyPart, ServedModel, TrainerReport, TrainerView } from './served-model.ts'

export interface Degraded {
  readonly model: string
  /** What is broken; absent: the trainer. */
  readonly part?: FaultyPart
  readonly state?: string
  readonly code?: string
  readonly message?: string
  readonly fix?: string
}

export function isDegraded({ state }: Pick<TrainerReport, 'state'>): boolean {
  return state === 'failed' || state === 'stalled'
}

export function degraded(
  models: readonly Pick<ServedModel, 'name'>[],
  trainer: TrainerView,
): readonly Degraded[] {
  return models.flatMap(({ name }) => {
    const report = trainer.status(name)
    if (!isDegraded(report)) return []
    const { state, code, message } = report
    return [
      {
        model: name,
        state,
        ...(code !== undefined && { code, fix: entryOf(code).fix.replaceAll('MODEL', name) }),
        ...(message !== undefined && { message }),
      },
    ]
  })
}
