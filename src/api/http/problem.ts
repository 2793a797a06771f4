/**
 * Errors as the caller sees them: RFC 9457 problem details with our stable code, what happened, where, and how to fix
 * it. The text of internal errors goes only to the log.
 */
import { Type, type Static } from 'typebox'
import type { CodedError } from '../../contracts/core.ts'
import { entryOf, fixOf } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'
import { text } from '../../client/schemas/parts.ts'

const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: text('stable; see the table of errors'),
    detail: Type.String(),
    instance: Type.String(),
    fix: Type.Optional(Type.String()),
  },
  { additionalProperties: true },
)

/** Errors that any route may answer. Problems are serialised elsewhere; this is their documentation. */
export const problems = {
  default: {
    description: 'the request failed',
    content: { 'application/problem+json': { schema: Problem } },
  },
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
  } satisfies Static<typeof Problem>
}

/** QUEUE_FULL → Queue full */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
