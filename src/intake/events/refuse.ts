/**
 * The error for one place in a message: `pointer` is a JSON pointer (RFC 6901), '' means the whole. `fix` replaces the
 * code's own fix.
 */
import type { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../../platform/errors.ts'

export function refuse(code: ErrorCode, pointer: string, why: string, fix?: string): CodedError {
  const message = pointer === '' ? why : `${pointer}: ${why}`
  return failure(code, message, { details: { pointer }, fix })
}

/** Pointers contain keys from untrusted input: long ones are truncated. */
export function below(pointer: string, key: string | number): string {
  const short = String(key).slice(0, 64)
  // Pointers are built for each field, also for valid ones: most need no escaping.
  const escaped = /[~/]/.test(short) ? short.replaceAll('~', '~0').replaceAll('/', '~1') : short
  return `${pointer}/${escaped}`
}
