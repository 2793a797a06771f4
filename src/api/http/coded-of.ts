/**
 * Converts anything thrown to one of our codes: Fastify's refusals by their own codes, unknown errors as internal
 * errors.
 */
import type { FastifySchemaValidationError } from 'fastify'
import { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../../platform/errors.ts'
import { isTelling, requestFault } from './request-faults.ts'

export function codedOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  const { code, statusCode, message } = asFastifyError(error)
  const refused = refusedBody(error)
  if (refused !== undefined) return refused
  const known = Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined
  if (known !== undefined) return failure(known, message, { cause: error })
  const isCallers = statusCode >= 400 && statusCode < 500
  if (isCallers) return failure('REQUEST_INVALID', message, { cause: error })
  return failure('INTERNAL', 'an unexpected server error', { cause: error })
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
    message: typeof message === 'string' ? message : 'the request cannot be processed',
  }
}

/** A body that does not have its schema, with the first place. Of a field that may also be null, null is not mentioned. */
function refusedBody(error: unknown): CodedError | undefined {
  const { validation, validationContext } = Object(error) as {
    readonly validation?: readonly FastifySchemaValidationError[]
    readonly validationContext?: string
  }
  if (validationContext !== 'body' || !Array.isArray(validation)) return undefined
  const faults = validation as readonly FastifySchemaValidationError[]
  const { message } = requestFault(faults, 'body')
  const pointer = (faults.find(isTelling) ?? faults[0])?.instancePath ?? ''
  const details = pointer === '' ? {} : { pointer }
  return failure('REQUEST_INVALID', message, { cause: error, details })
}
