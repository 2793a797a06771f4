/** What a classification adds to the JSON that people see: labels with their scores. */
import { Type, type TSchema } from 'typebox'
import type { TaskSchemas } from '../../contracts/task.ts'

const Maybe = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Count = Type.Integer({ minimum: 0 })
const Score = Type.Number({ description: 'between 0 and 1' })
const Shares = Type.Unsafe<Readonly<Record<string, number>>>({
  type: 'object',
  additionalProperties: { type: 'number' },
  description: 'score of each label',
})
const Share = Maybe(Type.Number({ description: 'null where there is nothing to divide by' }))
const Baseline = Type.Object({
  label: Maybe(Type.String({ description: 'what it would answer now' })),
  accuracy: Score,
  accuracy_recent: Score,
})

export const classificationSchemas: TaskSchemas = {
  answer: Type.Object({
    label: Maybe(Type.String({ description: 'null while the model has no label: see code' })),
    score: Score,
    scores: Shares,
    code: Type.Optional(Type.String({ description: 'NO_LABELS: why there is no label' })),
    message: Type.Optional(Type.String()),
  }),
  event: Type.Object({
    label: Type.Optional(Type.String({ description: 'or correction, rating or retract' })),
    correction: Type.Optional(Type.String()),
    rating: Type.Optional(Type.Integer({ description: '1 or -1, of the prediction' })),
  }),
  facts: Type.Object({
    labels: Type.Array(Type.String(), { description: 'those that it answers' }),
    retired: Type.Optional(
      Type.Array(Type.String(), { description: 'those that it knows and does not answer' }),
    ),
  }),
  stratum: Type.Object({ label: Type.Optional(Type.String({ minLength: 1 })) }),
  quality: Type.Object({
    events: Type.Integer({
      description: 'examples with a label, each answered before it was learned',
    }),
    accuracy: Score,
    accuracy_recent: Score,
    baselines: Type.Object(
      { majority: Baseline, last_label: Baseline },
      { description: 'answering the most frequent label so far, or the one that came last' },
    ),
    window_events: Type.Integer({
      description:
        'the last examples, of which calibration, labels and confusion are: 10,000 at most',
    }),
    calibration: Type.Object({
      ece: Type.Number({ description: 'expected calibration error: 0 = a score is a chance' }),
      bins: Type.Array(Type.Object({ count: Count, score: Score, accuracy: Score })),
    }),
    labels: Type.Array(
      Type.Object({
        label: Type.String(),
        support: Count,
        predicted: Count,
        precision: Share,
        recall: Share,
        f1: Share,
      }),
      { description: 'most examples first, limits.quality_labels at most' },
    ),
    other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
    confusion: Type.Object(
      { labels: Type.Array(Type.String()), counts: Type.Array(Type.Array(Type.Integer())) },
      {
        description:
          'rows: what was right; columns: what was answered; the last of each: every other label',
      },
    ),
  }),
  brief: Type.Object({ majority_recent: Score, last_label_recent: Score, ece: Type.Number() }),
}
