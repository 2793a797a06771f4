/** The right answer as a text. It may be as long as an input. */
import type { Json } from '../../contracts/core.ts'
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { isLonger, refuse, visible } from '../reading.ts'

export type CompletionSignal = Readonly<{
  kind: 'completion'
  text: string
  /** It replaces the answer that was served, if the event names one. */
  corrects?: boolean
}>

type TextLimits = Pick<Limits, 'text_characters'>

export const completion: SignalKind<CompletionSignal> = {
  name: 'completion',
  summary: 'the right answer to an input, as a text',
  words: ['completion'],
  isCorrection: true,
  about: 'input',
  judges: ({ corrects }) => corrects === true,
  flags: {
    completion: { description: 'right answer, for a model that answers texts', as: 'text' },
  },
  read: (value, limits: TextLimits, pointer, word) => ({
    ...{ kind: 'completion', text: readAnswer(value, limits, pointer) },
    corrects: word !== 'completion',
  }),
  schema: (limits: TextLimits) => ({ completion: answerSchema('the right answer', limits) }),
}

/** A right answer: it says something. */
export function readAnswer(value: Json | undefined, limits: TextLimits, pointer: string): string {
  const text = readText(value, limits, pointer)
  if (isVisible(text)) return text
  throw refuse('COMPLETION_INVALID', pointer, 'nothing visible')
}

/** Any answer: a model may have written nothing. */
export function readText(
  value: Json | undefined,
  { text_characters: most }: TextLimits,
  pointer: string,
): string {
  if (typeof value !== 'string')
    throw refuse('COMPLETION_INVALID', pointer, 'an answer is a string')
  if (isLonger(value, most))
    throw refuse('COMPLETION_INVALID', pointer, `more than ${most} characters`)
  return wellFormed(value)
}

export function answerSchema(description: string, { text_characters }: TextLimits): object {
  return { type: 'string', description, maxLength: text_characters, ...visible }
}
