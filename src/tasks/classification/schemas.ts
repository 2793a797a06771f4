/** The fields of a classification in the JSON that people see: labels with their scores. */
import { Type } from 'typebox'
import type { TaskSchemas } from '../../contracts/task-view.ts'
import { nullable } from '../../platform/nullable.ts'

const Count = Type.Integer({ minimum: 0 })
const Score = Type.Number({ description: 'between 0 and 1' })
const Shares = Type.Unsafe<Readonly<Record<string, number>>>({
  type: 'object',
  additionalProperties: { type: 'number' },
  description: 'score of each label',
})
const Share = nullable(Type.Number({ description: 'null where there is nothing to divide by' }))
const Baseline = Type.Object({
  label: nullable(Type.String({ description: 'its present answer' })),
  accuracy: Score,
  accuracy_recent: Score,
})
const calibration = {
  ece: Type.Number({
    description:
      'expected calibration error of recent scores: 0 = a score of 0.8 is right in 80 of 100',
  }),
  ece_uncalibrated: Type.Number({ description: 'the same without the temperature' }),
  temperature: Type.Number({ description: 'logits are divided by it: above 1, scores are lower' }),
  events: Type.Integer({ description: 'number of recent answers that this is known from' }),
}
const Calibration = Type.Object(calibration, {
  description: 'how the scores were made probabilities; absent = they are as the weights have them',
})
const Sure = Type.Object(
  {
    threshold: Score,
    coverage: Type.Number({ description: 'share of recent answers with at least this score' }),
    accuracy: nullable(Type.Number({ description: 'share of these that were right' })),
  },
  { description: 'answers that are not unsure; absent = the config has no `unsure`' },
)

export const classificationSchemas = {
  answer: Type.Object({
    label: nullable(Type.String({ description: 'null while the model has no label: see code' })),
    score: Score,
    scores: Shares,
    unsure: Type.Optional(
      Type.Literal(true, {
        description: 'the score is below `unsure` of the config: a person should look at it',
      }),
    ),
    code: Type.Optional(Type.String({ description: 'NO_LABELS: why there is no label' })),
    message: Type.Optional(Type.String()),
  }),
  facts: Type.Object({
    labels: Type.Array(Type.String(), { description: 'labels that it answers' }),
    retired: Type.Optional(
      Type.Array(Type.String(), {
        description: 'retired labels, which it knows and does not answer',
      }),
    ),
    calibration: Type.Optional(Calibration),
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
      { description: 'always answering the most frequent label so far, or the last one' },
    ),
    window_events: Type.Integer({
      description:
        'number of recent examples for calibration, labels and confusion: at most 10,000',
    }),
    calibration: Type.Object({
      ...calibration,
      bins: Type.Array(Type.Object({ count: Count, score: Score, accuracy: Score }), {
        description: 'of the scores as they are served, in 15 steps of the score',
      }),
    }),
    sure: Type.Optional(Sure),
    labels: Type.Array(
      Type.Object({
        label: Type.String(),
        support: Count,
        predicted: Count,
        precision: Share,
        recall: Share,
        f1: Share,
        recall_recent: Type.Optional(
          Type.Number({
            description: 'of about its last 100 examples; absent until there are 20 of them',
          }),
        ),
        recall_best: Type.Optional(
          Type.Number({
            description:
              'the most that it surely was since the model was created: a lower bound at two standard errors',
          }),
        ),
        forgetting: Type.Optional(
          Type.Number({ description: 'how far recall_recent is below recall_best' }),
        ),
      }),
      { description: 'most examples first, 32 at most' },
    ),
    forgetting: Type.Optional(Type.Number({ description: 'the mean over labels' })),
    other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
    confusion: Type.Object(
      { labels: Type.Array(Type.String()), counts: Type.Array(Type.Array(Type.Integer())) },
      {
        description: 'rows: right label; columns: answer; the last of each: all other labels',
      },
    ),
  }),
  brief: Type.Object({
    majority_recent: Score,
    last_label_recent: Score,
    ece: Type.Number(),
    ece_uncalibrated: Type.Number(),
    temperature: Type.Number(),
    sure: Type.Optional(Sure),
  }),
} satisfies TaskSchemas
