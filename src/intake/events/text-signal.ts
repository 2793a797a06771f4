/** Answers that an event gives as texts: a completion, or a better and a worse one. Each may be as long as an input. */
import type { Json } from '../../contracts/core.ts'
import type { FeedbackSignal } from '../../contracts/event.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { given, isLonger, type JsonObject } from './fields.ts'
import { below, refuse } from './refuse.ts'

export type TextLimits = Pick<Limits, 'text_characters'>

export function readCompletion(
  value: Json | undefined,
  { text_characters: most }: TextLimits,
  pointer: string,
): string {
  if (typeof value !== 'string')
    throw refuse('COMPLETION_INVALID', pointer, 'an answer is a string')
  if (isLonger(value, most))
    throw refuse('COMPLETION_INVALID', pointer, `more than ${most} characters`)
  if (!isVisible(value)) throw refuse('COMPLETION_INVALID', pointer, 'nothing visible')
  return wellFormed(value)
}

export function readPair(
  event: JsonObject,
  limits: TextLimits,
  pointer: string,
): Extract<FeedbackSignal, { kind: 'preference' }> {
  const side = (name: 'chosen' | 'rejected', other: string) => {
    const value = given(event, name)
    const place = below(pointer, name)
    if (value === undefined) throw refuse('PREFERENCE_INVALID', place, `${other} is there alone`)
    return readCompletion(value, limits, place)
  }
  const [chosen, rejected] = [side('chosen', 'rejected'), side('rejected', 'chosen')]
  if (chosen !== rejected) return { kind: 'preference', chosen, rejected }
  throw refuse('PREFERENCE_INVALID', below(pointer, 'rejected'), 'the same text as chosen')
}
