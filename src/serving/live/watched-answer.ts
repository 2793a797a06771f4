/**
 * Which answers of the live version count as failed: the engine failed, or an output is not a finite number. Errors of
 * the caller, a full queue, a deadline or an aborted request do not count: another version would have fared no better.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'

export type AnswerFault = 'engine' | 'not_finite'

/** A request that the live version has answered, or failed to answer. */
export interface Attempt {
  readonly version: string
  /** It answered as the canary. */
  readonly isCanary?: true
  /** The generation of the routing that selected it. */
  readonly generation: number
  readonly fault?: AnswerFault
  /** A run that fails several requests gives all of them the same one. */
  readonly error?: unknown
  readonly inputs: readonly Input[]
}

export function faultOf(error: unknown, signal: AbortSignal | undefined): AnswerFault | undefined {
  if (error instanceof CodedError) {
    if (error.code !== 'ENGINE_FAILED') return undefined
    return error.details.fault === 'not_finite' ? 'not_finite' : 'engine'
  }
  return signal?.aborted === true ? undefined : 'engine'
}

/** JSON has no such numbers, and no label has the highest of them. */
export function notFinite(version: string): CodedError {
  const message = `an output of ${version} is not a finite number`
  return failure('ENGINE_FAILED', message, { details: { version, fault: 'not_finite' } })
}

export function areFinite(logits: readonly Float32Array[]): boolean {
  return logits.every((row) => row.every((value) => Number.isFinite(value)))
}
