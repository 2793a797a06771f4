/** Several answers to one input, each with what it is worth: written by a model, and judged by a program or a person. */
import type { Json } from '../../contracts/core.ts'
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, given, isObject, refuse } from '../reading.ts'
import { readText } from './completion.ts'

/** A type: it is JSON. */
export type RewardedAnswer = Readonly<{
  text: string
  /** From 0 to 1. */
  reward: number
  /** It was cut, and has no end. */
  finish_reason?: 'length'
}>

export type AnswersSignal = Readonly<{ kind: 'answers'; answers: readonly RewardedAnswer[] }>

type TextLimits = Pick<Limits, 'text_characters'>

/** One answer alone is neither better nor worse than another. */
export const [LEAST_ANSWERS, MOST_ANSWERS] = [2, 16]

export const answers: SignalKind<AnswersSignal> = {
  name: 'answers',
  summary: 'answers to an input, each with a reward',
  words: ['answers'],
  about: 'input',
  flags: {
    answers: { description: 'answers with their rewards, [{ text, reward }, …]', as: 'json' },
  },
  read(value, limits: TextLimits, pointer) {
    if (!Array.isArray(value) || value.length < LEAST_ANSWERS || value.length > MOST_ANSWERS)
      throw refuse('ANSWERS_INVALID', pointer, `not ${LEAST_ANSWERS} to ${MOST_ANSWERS} answers`)
    const read = (value as readonly Json[]).map((answer, at) =>
      readRewarded(answer, limits, below(pointer, at)),
    )
    return { kind: 'answers', answers: read }
  },
  schema: (limits: TextLimits) => ({
    answers: {
      type: 'array',
      description: 'answers to the input, compared by their rewards',
      minItems: LEAST_ANSWERS,
      maxItems: MOST_ANSWERS,
      items: {
        type: 'object',
        required: ['text', 'reward'],
        properties: {
          text: { type: 'string', maxLength: limits.text_characters },
          reward: { type: 'number', description: 'the more the better', minimum: 0, maximum: 1 },
          finish_reason: {
            type: 'string',
            enum: ['stop', 'length'],
            description: 'length: it was cut, and its end is no part of it',
          },
        },
      },
    },
  }),
}

function readRewarded(value: Json, limits: TextLimits, pointer: string): RewardedAnswer {
  if (!isObject(value)) throw refuse('ANSWERS_INVALID', pointer, 'not { text, reward }')
  const text = readText(given(value, 'text'), limits, below(pointer, 'text'))
  const reward = given(value, 'reward')
  if (typeof reward !== 'number' || !(reward >= 0 && reward <= 1))
    throw refuse('ANSWERS_INVALID', below(pointer, 'reward'), 'not a number from 0 to 1')
  const finish = given(value, 'finish_reason')
  if (finish !== undefined && finish !== 'stop' && finish !== 'length')
    throw refuse('ANSWERS_INVALID', below(pointer, 'finish_reason'), 'neither stop nor length')
  if (finish === 'length' && text === '')
    throw refuse('ANSWERS_INVALID', below(pointer, 'text'), 'no text, and no end either')
  // -0 is stored as 0, so that the same lesson has one digest.
  return { text, reward: reward + 0, ...(finish === 'length' && { finish_reason: finish }) }
}
