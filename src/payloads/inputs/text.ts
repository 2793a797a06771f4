/** A text. In a message it may also stand alone, as a plain string. */
import type { InputKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { isLonger, refuse, visible } from '../reading.ts'

export type TextInput = Readonly<{ kind: 'text'; text: string }>

type TextLimits = Pick<Limits, 'text_characters'>

export const text: InputKind<TextInput> = {
  name: 'text',
  summary: 'a text, for a base that reads texts',
  flags: { text: { description: 'input that the event is about', as: 'text' } },
  columns: 'own',
  example: 'what a lovely phone',
  read(value, { text_characters: most }: TextLimits, pointer) {
    if (typeof value !== 'string') throw refuse('EVENT_INVALID', pointer, 'a string')
    if (isLonger(value, most))
      throw refuse('INPUT_TOO_LONG', pointer, `more than ${most} characters`)
    if (!isVisible(value)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
    return { kind: 'text', text: wellFormed(value) }
  },
  schema: ({ text_characters }: TextLimits) => ({
    ...{ type: 'string', maxLength: text_characters },
    ...visible,
  }),
}
