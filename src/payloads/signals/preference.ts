/** Two answers to one input, a better and a worse one. */
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, given, isObject, refuse } from '../reading.ts'
import { answerSchema, readAnswer } from './completion.ts'

export type PreferenceSignal = Readonly<{
  kind: 'preference'
  chosen: string
  rejected: string
}>

type TextLimits = Pick<Limits, 'text_characters'>

export const preference: SignalKind<PreferenceSignal> = {
  name: 'preference',
  summary: 'a better and a worse answer to an input',
  words: ['chosen', 'rejected'],
  about: 'input',
  flags: {
    chosen: { description: 'the better of two answers', as: 'text' },
    rejected: { description: 'the worse of two answers', as: 'text' },
  },
  read(value, limits: TextLimits, pointer) {
    const side = (name: string, other: string) => {
      const answer = isObject(value) ? given(value, name) : undefined
      const place = below(pointer, name)
      if (answer === undefined) throw refuse('PREFERENCE_INVALID', place, `${other} is there alone`)
      return readAnswer(answer, limits, place)
    }
    const [chosen, rejected] = [side('chosen', 'rejected'), side('rejected', 'chosen')]
    if (chosen !== rejected) return { kind: 'preference', chosen, rejected }
    throw refuse('PREFERENCE_INVALID', below(pointer, 'rejected'), 'the same text as chosen')
  },
  schema: (limits: TextLimits) => ({
    chosen: answerSchema('an answer that is better than `rejected`', limits),
    rejected: answerSchema('the worse answer', limits),
  }),
}
