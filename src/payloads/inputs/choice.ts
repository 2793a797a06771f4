/**
 * One item in one context: what a ranking scores. Each side is a text, or the features of
 * [features.ts](features.ts); the base says which of them it reads.
 */
import type { Json } from '../../contracts/core.ts'
import type { InputKind, PayloadLimits } from '../../contracts/payload.ts'
import { below, given, isObject, refuse } from '../reading.ts'
import { features, type FeaturesInput } from './features.ts'
import { text } from './text.ts'

type Side = string | FeaturesInput['features']

export type ChoiceInput = Readonly<{
  kind: 'choice'
  choice: Readonly<{ context: Side; item: Side }>
}>

export const choice: InputKind<ChoiceInput> = {
  name: 'choice',
  summary: 'an item in a context, each a text or features',
  flags: {
    choice: { description: 'or an item in a context: {"context": …, "item": …}', as: 'json' },
  },
  example: { context: { hour: 9 }, item: { price: 3 } },
  read(value, limits, pointer) {
    if (!isObject(value)) throw refuse('CHOICE_INVALID', pointer, 'an object with context and item')
    const side = (name: 'context' | 'item') => {
      const said = given(value, name)
      const place = below(pointer, name)
      if (said === undefined) throw refuse('CHOICE_INVALID', place, 'is missing')
      return readSide(said, limits, place)
    }
    return { kind: 'choice', choice: { context: side('context'), item: side('item') } }
  },
  schema(limits) {
    const side = { anyOf: [text.schema(limits), features.schema(limits)] }
    return {
      ...{ type: 'object', required: ['context', 'item'] },
      properties: { context: side, item: side },
    }
  },
}

/** A context, or an item. */
export function readSide(value: Json, limits: PayloadLimits, pointer: string): Side {
  if (typeof value === 'string') return text.read(value, limits, pointer).text
  return features.read(value, limits, pointer).features
}
