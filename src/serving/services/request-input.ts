/** The input of a request, by the rules for an event's input and with the error codes of a request. */
import { CodedError, type Json } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { PayloadLimits } from '../../contracts/payload.ts'
import { readInput } from '../../intake/events/fields.ts'
import { failure } from '../../platform/errors.ts'

/** `pointer`: where the value stands in the body. */
export function requestInput(
  { reads }: Pick<Base, 'reads'>,
  limits: PayloadLimits,
  value: Json,
  pointer: string,
): Input {
  try {
    return readInput(value, limits, pointer, reads)
  } catch (error) {
    const isShape = error instanceof CodedError && error.code === 'EVENT_INVALID'
    if (!isShape) throw error
    throw failure('REQUEST_INVALID', error.message, { details: error.details, cause: error })
  }
}
