/** The answer to a request when the trainer has failed for good: the code, why, and how to fix it. */
import { CodedError } from '../../contracts/core.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import type { TrainerReport } from './served-model.ts'

/** It will not recover automatically. A bug ends its process, which is restarted. */
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
