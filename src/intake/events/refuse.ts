/**
 * The error of one place in a message: `pointer` is a JSON pointer (RFC 6901), '' is the whole. `fix` where the code's own
 * is not the one for this fault.
 */
import type { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../../platform/errors.ts'

export function refuse(code: ErrorCode, pointer: string, why: string, fix?: string): CodedError {
  const message = pointer === '' ? why : `${pointer}: ${why}`
  return failure(code, message, { details: { pointer }, fix })
}

/** Pointers name keys of strangers: long ones are cut. */
export function below(pointer: string, key: string | number): string {
  const short = String(key).slice(0, 64)
  // Pointers are made for each field, also for those that are right: most need no escaping.
  const escaped = /[~/]/.test(short) ? short.replaceAll('~', '~0').replaceAll('/', '~1') : short
  return `${pointer}/${escaped}`
}
