/** Whether it is Redis that failed, rather than a version, a person or a disk. */
import { CodedError } from '../../contracts/core.ts'

export function isRedisFailure(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('REDIS_')
}
