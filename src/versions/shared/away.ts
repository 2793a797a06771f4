/** Which of the fleet's services failed: Redis, or the store of bytes when it is another one. */
import { CodedError } from '../../contracts/core.ts'

export function isRedisFailure(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('REDIS_')
}

export function isBlobFailure(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('BLOBS_')
}
