/** The request and the answer of an evaluation. */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { nullable } from '../../platform/nullable.ts'
import { Count, Name, integer, number, text } from './parts.ts'
import { Rejected } from './feedback.ts'

const Strict = { additionalProperties: false }

const Cell = Type.Object({
  said: text('what was answered; empty: nothing'),
  right: Type.String(),
  count: Count,
})

const sums = { sum: Type.Number(), squares: Type.Number({ minimum: 0 }) }

const VersionTally = Type.Object({
  version: Name,
  ...sums,
  cells: Type.Array(Cell, { maxItems: 1024 }),
  unlisted: Count,
})

const Tally = Type.Object(
  {
    rows: Count,
    version: VersionTally,
    against: Type.Optional(VersionTally),
    paired: Type.Optional(Type.Object({ ...sums, better: Count, worse: Count })),
  },
  {
    description:
      'the counts of all rows so far, which the report follows from: send it with the next rows of a long file; it names the versions',
  },
)

export function evaluateBody(mostRows: number) {
  return Type.Object(
    {
      rows: Type.Array(Type.Unsafe<Json>({}), {
        minItems: 1,
        description: `events as for feedback, each with an input and its right answer; at most ${mostRows} (limits.inputs)`,
      }),
      version: Type.Optional(text('the version to score; absent = the live one')),
      against: Type.Optional(text('a version to compare it with, on the same rows')),
      tally: Type.Optional(Tally),
    },
    Strict,
  )
}

export type EvaluateBody = Static<ReturnType<typeof evaluateBody>>

const estimate = {
  mean: number('accuracy: the share of right answers; otherwise the mean error or loss'),
  low: Type.Optional(number('95 % interval; absent: too few rows')),
  high: Type.Optional(Type.Number()),
}

const VersionScore = Type.Object({
  version: Name,
  ...estimate,
  strata: Type.Optional(
    Type.Array(
      Type.Object({
        name: text('as the task names it: an answer of a classification'),
        count: integer('rows whose right answer it is'),
        precision: nullable(number('null: it was never answered')),
        recall: nullable(number('null: it was never right')),
      }),
      { description: 'most rows first; absent: answers have no names' },
    ),
  ),
  confusion: Type.Optional(Type.Array(Cell)),
  unlisted: Type.Optional(integer('rows that are in the mean but not in strata and confusion')),
})

export const EvaluateAnswer = Type.Object({
  model: Name,
  version: Name,
  against: Type.Optional(Name),
  rejected: Type.Array(Rejected, { description: 'rows that say nothing to compare with' }),
  report: Type.Object(
    {
      measure: Type.Unsafe<'accuracy' | 'absolute_error' | 'loss' | 'error'>({
        type: 'string',
        description:
          'accuracy; absolute_error: in the unit of the values; loss: of a token of a given answer; error: between 0 and 1, of answers that may be right in part',
      }),
      rows: Count,
      version: Type.Optional(VersionScore),
      against: Type.Optional(VersionScore),
      difference: Type.Optional(
        Type.Object(
          {
            ...estimate,
            better: integer('rows that version answers better'),
            worse: Count,
            verdict: Type.Unsafe<'better' | 'worse' | 'undecided'>({
              type: 'string',
              description: 'better, worse, or undecided: the interval contains 0',
            }),
          },
          { description: 'version minus against, over pairs of answers to the same row' },
        ),
      ),
    },
    { description: 'of all rows of the tally' },
  ),
  tally: Tally,
})
