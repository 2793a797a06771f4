/** The common form of an import refusal: the field, its value and the allowed values. */
import type { CodedError, Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

const SHOWN_CHARACTERS = 200

export function refuse(
  field: string,
  value: Json | undefined,
  allowed: string,
  more: Readonly<Record<string, Json>> = {},
): CodedError {
  const shown = value === undefined ? 'missing' : JSON.stringify(value)
  const cut = shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}…` : shown
  return failure('IMPORT_REFUSED', `${field} is ${cut}; allowed: ${allowed}`, {
    details: { field, value: value ?? null, allowed, ...more },
  })
}
