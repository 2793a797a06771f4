/**
 * The input of a prediction or an event: text, or features as a list or by name. The same rules for both, so that every
 * served input can be learned.
 */
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/stream.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { given, isLonger, isObject } from './fields.ts'
import { readFeatures, type FeatureLimits } from './feature-values.ts'
import { below, refuse } from './refuse.ts'

export type InputLimits = FeatureLimits & Pick<Limits, 'text_characters'>

/** A plain string is text. `kind` is what the base reads, if it is known here. */
export function readInput(
  value: Json,
  limits: InputLimits,
  pointer: string,
  kind?: Input['kind'],
): Input {
  const input = read(value, limits, pointer)
  if (kind !== undefined && input.kind !== kind) {
    throw refuse(
      'INPUT_WRONG_KIND',
      pointer,
      `the base reads ${kind}, but the input is ${input.kind}`,
    )
  }
  return input
}

function read(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value === 'string') return text(value, limits, pointer)
  const object = isObject(value) ? value : {}
  const written = given(object, 'text')
  const features = given(object, 'features')
  if (written !== undefined && features === undefined) {
    return text(written, limits, below(pointer, 'text'))
  }
  if (features !== undefined && written === undefined) {
    return {
      kind: 'features',
      features: readFeatures(features, limits, below(pointer, 'features')),
    }
  }
  throw refuse('EVENT_INVALID', pointer, 'either { text } or { features }')
}

function text(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value !== 'string') throw refuse('EVENT_INVALID', pointer, 'a string')
  const most = limits.text_characters
  if (isLonger(value, most)) {
    throw refuse('INPUT_TOO_LONG', pointer, `more than ${most} characters`)
  }
  if (!isVisible(value)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
  return { kind: 'text', text: wellFormed(value) }
}
