/** What an event teaches: exactly one of label, correction, rating, retract. */
import type { Json } from '../../contracts/core.ts'
import type { FeedbackSignal } from '../../contracts/stream.ts'
import { labelForm } from '../../tasks/classification/label-form.ts'
import type { Limits } from '../../platform/limits.ts'
import { given, hasUnprintable, isLonger, type JsonObject } from './fields.ts'
import { below, refuse } from './refuse.ts'

const words = ['label', 'correction', 'rating', 'retract'] as const

export function readSignal(
  event: JsonObject,
  limits: Pick<Limits, 'label_characters'>,
  pointer: string,
): FeedbackSignal {
  // `retract: false` says nothing.
  const said = words.filter((word) => given(event, word) !== undefined && event[word] !== false)
  const [word, second] = said
  if (word === undefined) throw nothingSaid(event, pointer)
  if (second !== undefined) {
    throw refuse(
      'EVENT_INVALID',
      below(pointer, second),
      `not together with ${word}`,
      `keep one of ${said.join(', ')}`,
    )
  }
  const place = below(pointer, word)
  const value = event[word]
  if (word === 'rating') return { kind: 'rating', rating: readRating(value, place) }
  if (word !== 'retract') return { kind: 'label', label: readLabel(value, limits, place) }
  if (value !== true) throw refuse('EVENT_INVALID', place, 'true, or leave it out')
  return { kind: 'retract' }
}

/** An unlabelled row of somebody's data set has its label key, with null. */
function nothingSaid(event: JsonObject, pointer: string) {
  const empty = words.find((word) => event[word] === null)
  if (empty === 'label' || empty === 'correction') {
    return refuse('LABEL_INVALID', below(pointer, empty), 'null is no label')
  }
  return refuse('EVENT_INVALID', pointer, `none of ${words.join(', ')}`)
}

function readRating(value: Json | undefined, pointer: string): 1 | -1 {
  if (value === 1 || value === -1) return value
  throw refuse('EVENT_INVALID', pointer, '1 or -1', 'set rating to 1 (right) or to -1 (wrong)')
}

function readLabel(
  value: Json | undefined,
  limits: Pick<Limits, 'label_characters'>,
  pointer: string,
): string {
  if (typeof value !== 'string') throw refuse('LABEL_INVALID', pointer, 'a label is a string')
  const label = labelForm(value)
  if (label === '') throw refuse('LABEL_INVALID', pointer, 'a label is not blank')
  if (isLonger(label, limits.label_characters)) {
    throw refuse('LABEL_INVALID', pointer, `at most ${limits.label_characters} characters`)
  }
  if (hasUnprintable(label)) throw refuse('LABEL_INVALID', pointer, 'printable characters only')
  return label
}
