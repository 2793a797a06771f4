/**
 * Two texts that are judged together: whether they say the same, whether one follows from the other, how near they are. The
 * keys are those of Hugging Face's tokenizers. Which is the first counts.
 */
import type { Json } from '../../contracts/core.ts'
import type { InputKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, given, isObject, refuse } from '../reading.ts'
import { text } from './text.ts'

export type TextPairInput = Readonly<{ kind: 'text_pair'; text: string; text_pair: string }>

type TextLimits = Pick<Limits, 'text_characters'>

export const textPair: InputKind<TextPairInput> = {
  name: 'text_pair',
  beside: ['text'],
  summary: 'two texts, for a base that reads pairs',
  flags: { text_pair: { description: 'the second text of a pair, beside --text', as: 'text' } },
  columns: 'own',
  example: { text: 'The parcel is late.', text_pair: 'My order has not arrived.' },
  read(value, limits: TextLimits, pointer) {
    if (!isObject(value)) throw refuse('PAIR_INVALID', pointer, 'an object with text and text_pair')
    const side = (name: 'text' | 'text_pair'): string => {
      const said: Json | undefined = given(value, name)
      const place = below(pointer, name)
      if (said === undefined) throw refuse('PAIR_INVALID', place, 'is missing')
      if (typeof said !== 'string') throw refuse('PAIR_INVALID', place, 'a string')
      return text.read(said, limits, place).text
    }
    return { kind: 'text_pair', text: side('text'), text_pair: side('text_pair') }
  },
  schema(limits: TextLimits) {
    const side = text.schema(limits)
    return {
      ...{ type: 'object', required: ['text', 'text_pair'] },
      properties: { text: side, text_pair: side },
    }
  },
}
