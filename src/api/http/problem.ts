/**
 * Errors as the caller sees them: RFC 9457 problem details with our stable code, what happened, where, and how to mend
 * it. Faults of ours keep their text to the log.
 */
import { CodedError, type Json } from '../../contracts/core.ts'
import { entryOf, failure, fixOf, type ErrorCode } from '../../platform/errors.ts'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  /** This occurrence: the path, and the request's id in the log. */
  readonly instance: string
  readonly fix?: string
  readonly [place: string]: Json | undefined
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

export function problemOf(error: CodedError, instance: string): Problem {
  const { status } = entryOf(error.code)
  return {
    ...error.details,
    type: `urn:antikythera:error:${error.code}`,
    title: titleOf(error.code),
    status,
    code: error.code,
    detail: error.message,
    instance,
    fix: fixOf(error),
  }
}

/** Seconds after which a refused request may come again, for `Retry-After`. */
export function retryAfterSeconds(error: CodedError): number | undefined {
  const { status } = entryOf(error.code)
  return error.retriable && (status === 429 || status === 503) ? 1 : undefined
}

/** Whatever was thrown, as one of our codes: Fastify's own refusals by theirs, anything unknown as a fault of ours. */
export function codedOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  const { code, statusCode, message } = asFastifyError(error)
  const known = Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined
  if (known !== undefined) return failure(known, message, { cause: error })
  const isCallers = statusCode >= 400 && statusCode < 500
  if (isCallers) return failure('REQUEST_INVALID', message, { cause: error })
  return failure('INTERNAL', 'an unexpected fault of the server', { cause: error })
}

const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'BODY_TYPE_UNSUPPORTED',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BODY_MALFORMED',
  FST_ERR_HANDLER_TIMEOUT: 'DEADLINE_EXCEEDED',
  FST_ERR_VALIDATION: 'REQUEST_INVALID',
}

interface FastifyError {
  readonly code: string
  readonly statusCode: number
  readonly message: string
}

function asFastifyError(error: unknown): FastifyError {
  const { code, statusCode, message } = Object(error) as Partial<
    Record<keyof FastifyError, unknown>
  >
  return {
    code: typeof code === 'string' ? code : '',
    statusCode: typeof statusCode === 'number' ? statusCode : 500,
    message: typeof message === 'string' ? message : 'the request cannot be served',
  }
}

/** QUEUE_FULL → Queue full */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
