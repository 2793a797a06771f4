/** Models that answer but do not learn: their trainer has failed, is silent or cannot save, or a source fails. */
import { entryOf } from '../../platform/errors.ts'
import type { FaultyPart, ServedModel, TrainerReport, TrainerView } from './served-model.ts'

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

function isDegraded({ state, code }: Pick<TrainerReport, 'state' | 'code'>): boolean {
  return state === 'failed' || state === 'stalled' || code !== undefined
}

export function degraded(
  models: readonly Pick<ServedModel, 'name'>[],
  trainer: TrainerView,
): readonly Degradation[] {
  return models.flatMap(({ name }) => {
    const report = trainer.status(name)
    const { state, code, message } = report
    const own = isDegraded(report) ? [{ model: name, state, ...told(name, code, message) }] : []
    return [...own, ...failedSources(name, report), ...failedCopy(name, report)]
  })
}

function failedCopy(model: string, { copyFault }: TrainerReport): readonly Degradation[] {
  if (copyFault === undefined) return []
  return [{ model, part: 'copy', ...told(model, copyFault.code, copyFault.message) }]
}

/** Sources that fail now, while the trainer and its other sources continue. */
function failedSources(model: string, { sources = {} }: TrainerReport): readonly Degradation[] {
  return Object.entries(sources).flatMap(([source, { code, message }]) =>
    code === undefined
      ? []
      : [{ model, part: 'source' as const, source, ...told(model, code, message) }],
  )
}

function told(model: string, code?: string, message?: string) {
  return {
    ...(code !== undefined && { code, fix: entryOf(code).fix.replaceAll('MODEL', model) }),
    ...(message !== undefined && { message }),
  }
}
