/** The error of one place in a message: `pointer` is a JSON pointer (RFC 6901), '' is the whole. */
import type { CodedError } from '../contracts.ts'
import { failure, type ErrorCode } from '../runtime/errors.ts'

export function refuse(code: ErrorCode, pointer: string, why: string): CodedError {
  const message = pointer === '' ? why : `${pointer}: ${why}`
  return failure(code, message, { details: { pointer } })
}

/** Pointers name keys of strangers: long ones are cut. */
export function below(pointer: string, key: string | number): string {
  const escaped = String(key).slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')
  return `${pointer}/${escaped}`
}
