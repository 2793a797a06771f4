/**
 * Turns an error of S3 or its library into one of our codes. Errors that are neither a refusal nor unknown are taken as
 * temporary.
 */
import { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../errors.ts'

const REFUSED = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'AccountProblem',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'CredentialsProviderError',
  'TokenProviderError',
  'Forbidden',
])
const NO_BUCKET = new Set([
  'NoSuchBucket',
  'InvalidBucketName',
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/** `place` is named because the message of the library seldom says where. */
export function s3Failure(error: unknown, place: string, what: string): CodedError {
  if (error instanceof CodedError) return error
  const name = nameOf(error)
  const status = statusOf(error)
  const message = `${what} ${place}: ${why(error, name)}`
  const details = { place, reason: name, ...(status !== undefined && { status }) }
  return failure(codeOf(name, status), message, { details, cause: withoutRequest(error) })
}

/** The library's errors hold the request with its signature and token, which must not come into a log. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  const plain = new Error(error.message)
  plain.name = error.name
  if (error.stack !== undefined) plain.stack = error.stack
  return plain
}

/** Whether the object, rather than the bucket, is not there. A HEAD has no body that says which. */
export function isAbsent(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(nameOf(error))
}

function codeOf(name: string, status: number | undefined): ErrorCode {
  if (NO_BUCKET.has(name) || status === 301) return 'BLOBS_BUCKET_UNKNOWN'
  if (REFUSED.has(name) || status === 401 || status === 403) return 'BLOBS_REFUSED'
  return 'BLOBS_UNAVAILABLE'
}

/** A HEAD that fails has the library's "UnknownError" for a message; a connection has none where every address failed. */
function why(error: unknown, name: string): string {
  if (!(error instanceof Error)) return String(error)
  const { message } = error
  return message === '' || message === 'UnknownError' ? name : message
}

/** A broken connection has a `code`, everything else its own name. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata as { readonly httpStatusCode?: number }
  return metadata.httpStatusCode
}
