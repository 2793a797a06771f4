/** The request and the answer of practice. */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { integer, text } from './parts.ts'
import { Answered } from './predict.ts'

export const USUAL_ANSWERS = 8

/** `least` and `most`: how many answers an event can compare. */
export const practiceBody = ([least, most]: readonly [number, number]) =>
  Type.Object(
    {
      input: Type.Unsafe<Json>({ description: 'what is answered, as in a prediction' }),
      facts: Type.Optional(
        Type.Unsafe<Json>({
          description: 'what the program is given beside the answer, such as the right result',
        }),
      ),
      samples: Type.Optional(
        Type.Integer({
          minimum: least,
          maximum: most,
          default: USUAL_ANSWERS,
          description: 'how many answers are compared',
        }),
      ),
      max_tokens: Type.Optional(
        Type.Integer({ minimum: 1, description: 'most tokens of an answer; absent: of the task' }),
      ),
      temperature: Type.Optional(
        Type.Number({ exclusiveMinimum: 0, maximum: 2, default: 1, description: 'of the draws' }),
      ),
      seed: Type.Optional(integer('the same seed gives the same answers of the same version')),
    },
    { additionalProperties: false },
  )

export type PracticeBody = Static<ReturnType<typeof practiceBody>>

export const PracticeAnswer = Type.Object({
  ...Answered.properties,
  answers: Type.Array(
    Type.Object({
      text: Type.String(),
      reward: Type.Number({ description: 'from 0 to 1, by the program of the task' }),
      finish_reason: Type.Optional(text('length: it was cut')),
    }),
  ),
  event: Type.Optional(
    text('id of the event that teaches them; absent: all are worth the same, and teach nothing'),
  ),
  position: Type.Optional(text('wait_for it, and what is answered has learned them')),
})
