/**
 * Errors as the caller sees them: RFC 9457 problem details with our stable code, what happened, where, and how to fix
 * it. The text of internal errors goes only to the log.
 */
import type { CodedError, Json } from '../../contracts/core.ts'
import { entryOf, fixOf } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'

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

export const problemFormat: ErrorFormat = {
  contentType: 'application/problem+json; charset=utf-8',
  render(error, instance) {
    const body = problemOf(error, instance)
    return { status: body.status, body }
  },
}

function problemOf(error: CodedError, instance: string) {
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
  } satisfies Problem
}

/** QUEUE_FULL → Queue full */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
