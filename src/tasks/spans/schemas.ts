/** The fields of spans in the JSON that people see. */
import { Type, type Static } from 'typebox'
import type { TaskSchemas } from '../../contracts/task-view.ts'
import { nullable } from '../../platform/nullable.ts'

const Count = Type.Integer({ minimum: 0 })
const Score = Type.Number({ description: 'between 0 and 1' })
const Share = nullable(Type.Number({ description: 'null where there is nothing to divide by' }))

export const closeness = 'mean over texts of the F1 of their spans: 1 = all found, and nothing else'

export const spansSchemas = {
  answer: Type.Object({
    spans: Type.Array(
      Type.Object({
        start: Type.Integer({ minimum: 0, description: 'first character, in Unicode code points' }),
        end: Type.Integer({ minimum: 1, description: 'the character behind the last one' }),
        label: Type.String(),
        score: Type.Number({ description: 'geometric mean of the probabilities of its tokens' }),
        text: Type.String({ description: 'the piece' }),
      }),
      { description: 'in the order of the text; none overlaps another' },
    ),
    code: Type.Optional(Type.String({ description: 'NO_LABELS: why there is no span' })),
    message: Type.Optional(Type.String()),
  }),
  facts: Type.Object({
    labels: Type.Array(Type.String(), { description: 'labels that it answers' }),
    retired: Type.Optional(
      Type.Array(Type.String(), {
        description: 'retired labels, which it knows and does not answer',
      }),
    ),
  }),
  stratum: Type.Object({ label: Type.Optional(Type.String()) }),
  quality: Type.Object({
    events: Type.Integer({
      description: 'examples with all spans of a text, each answered before it was learned',
    }),
    accuracy: Type.Number({ description: closeness }),
    accuracy_recent: Score,
    exact: Type.Number({ description: 'share of the texts whose spans were all right' }),
    exact_recent: Score,
    precision: Share,
    recall: Share,
    f1: nullable(
      Type.Number({ description: 'of all spans together: both ends and the label must be right' }),
    ),
    precision_recent: Share,
    recall_recent: Share,
    f1_recent: Share,
    spans: Type.Object({ right: Count, answered: Count, said: Count }),
    baselines: Type.Object(
      {
        dictionary: Type.Object({
          pieces: Type.Integer({ description: 'pieces of text that it knows' }),
          f1: Share,
          f1_recent: Share,
        }),
      },
      { description: 'each piece is what it was most often before: a label, or no span' },
    ),
    labels: Type.Array(
      Type.Object({
        label: Type.String(),
        support: Count,
        predicted: Count,
        precision: Share,
        recall: Share,
        f1: Share,
        f1_recent: nullable(
          Type.Number({ description: 'over about the last hundred texts that have it' }),
        ),
      }),
      { description: 'most spans first, 32 at most' },
    ),
    other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
  }),
  brief: Type.Object({ f1_recent: Share, dictionary_f1_recent: Share }),
} satisfies TaskSchemas

export type SpansReport = Static<typeof spansSchemas.quality>
