/** The request and the answer of a ranking. */
import { Type } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { integer, text } from './parts.ts'
import { Answered } from './predict.ts'

/** A context and an input are anything here, as in a prediction. */
export function rankBody(mostCandidates: number) {
  return Type.Object(
    {
      context: Type.Unsafe<Json>({
        description: 'what the candidates are ranked for, as the base reads it',
      }),
      candidates: Type.Array(Type.Unsafe<Json>({}), {
        description: `{ id, input } of each, at most ${mostCandidates} (limits.inputs); their ids differ`,
      }),
      top: Type.Optional(
        Type.Integer({
          minimum: 1,
          description:
            'the number of items that are shown, and can be rewarded; absent: all of them',
        }),
      ),
      seed: Type.Optional(
        Type.String({
          ...{ minLength: 1, maxLength: 128 },
          description: 'of the draws; absent: a new one, which the answer names',
        }),
      ),
      version: Type.Optional(text('rank with this version instead of the live one')),
      key: Type.Optional(
        Type.String({
          ...{ minLength: 1, maxLength: 256 },
          description: 'of the user or session: the same key stays on the same side of a canary',
        }),
      ),
    },
    { additionalProperties: false },
  )
}

export const RankAnswer = Type.Object({
  ...Answered.properties,
  prediction_id: text('rewards refer to it'),
  seed: text('the same candidates, version and seed give the same order'),
  ranking: Type.Array(
    Type.Object({
      id: text('of the candidate'),
      score: Type.Number({ description: 'the reward that is expected' }),
      propensity: Type.Number({
        description:
          'the probability of this item at its position, given those before it; the server keeps it',
      }),
      position: integer('from 1'),
    }),
  ),
})
