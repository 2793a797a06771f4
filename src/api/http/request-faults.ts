/**
 * What is wrong with a request, for the person who wrote it: which field there is not, which values there are, and how a
 * time is written. A schema says only that it does not match.
 */
import type { FastifySchemaValidationError } from 'fastify'

/** `part`: of the request, such as body or querystring. */
export function requestFault(errors: readonly FastifySchemaValidationError[], part: string): Error {
  const telling = errors.filter(isTelling)
  const said = (telling.length > 0 ? telling : errors).map(
    (error) => `${part}${error.instancePath} ${wrongIn(error, errors)}`,
  )
  return new Error([...new Set(said)].join(', '))
}

/** Not that a choice fits nowhere, nor that there might be nothing at all. */
export function isTelling({ keyword, params }: FastifySchemaValidationError): boolean {
  return keyword !== 'anyOf' && !(keyword === 'type' && params.type === 'null')
}

function wrongIn(
  error: FastifySchemaValidationError,
  errors: readonly FastifySchemaValidationError[],
): string {
  const { keyword, params, message = 'is not valid' } = error
  if (keyword === 'additionalProperties')
    return `must not have the field ${String(params.additionalProperty)}`
  if (keyword === 'format' && params.format === 'date-time')
    return 'must be a time such as 2026-11-24T10:00:00Z'
  if (keyword === 'enum') return oneOf([params.allowedValues].flat())
  if (keyword !== 'const') return message
  const others = errors.filter(
    (each) => each.keyword === 'const' && each.instancePath === error.instancePath,
  )
  return oneOf(others.map((each) => each.params.allowedValue))
}

function oneOf(values: readonly unknown[]): string {
  return `must be ${values.length > 1 ? 'one of ' : ''}${values.map(String).join(', ')}`
}
