/** Labels as people see them, with their scores, and how good the answers are. */
import { Type } from 'typebox'
import type { TaskFacts } from '../../contracts/example.ts'
import type { TaskSchemas, TaskView } from '../../contracts/task-view.ts'
import { labels } from '../../payloads/signals/labels.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { yesNo } from '../../payloads/signals/yes-no.ts'
import { errorTable, failure } from '../../platform/errors.ts'
import { nullable } from '../../platform/nullable.ts'
import { labelsIn } from '../labels/label-rules.ts'
import type { MultilabelReport } from './quality.ts'
import { servedText } from './target.ts'

/** A type: it is JSON. */
export type Answer = Readonly<{
  /** Those with at least the score of their threshold, the highest first. */
  labels: readonly Readonly<{ label: string; score: number }>[]
  scores: Readonly<Record<string, number>>
  /** There is no label to answer yet. */
  isSilent?: true
}>

const Count = Type.Integer({ minimum: 0 })
const Score = Type.Number({ description: 'between 0 and 1' })
const Share = nullable(Type.Number({ description: 'null where there is nothing to divide by' }))
const overlap =
  'mean overlap of the right labels and the scores, as an index of Jaccard: 1 = exactly the right labels, and sure of each'
const micro = 'F1 over all pairs of an example and a label'

export const multilabelSchemas = {
  answer: Type.Object({
    labels: Type.Array(Type.Object({ label: Type.String(), score: Score }), {
      description: 'labels that hold, the surest first; empty = none does',
    }),
    scores: Type.Unsafe<Readonly<Record<string, number>>>({
      type: 'object',
      additionalProperties: { type: 'number' },
      description: 'probability that it holds, of each label',
    }),
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
    thresholds: Type.Optional(
      Type.Unsafe<Readonly<Record<string, number>>>({
        type: 'object',
        additionalProperties: { type: 'number' },
        description: 'score from which on a label is answered',
      }),
    ),
    threshold: Type.Optional(Type.Number({ description: 'the same for every other label' })),
  }),
  stratum: Type.Object({ label: Type.Optional(Type.String({ minLength: 1 })) }),
  quality: Type.Object({
    events: Type.Integer({
      description: 'examples with labels, each answered before it was learned',
    }),
    accuracy: Type.Number({ description: overlap }),
    accuracy_recent: Score,
    micro_f1: Type.Number({ description: micro }),
    micro_f1_recent: Score,
    macro_f1: Type.Number({ description: 'mean over labels of their F1, in the window' }),
    baselines: Type.Object(
      {
        majority: Type.Object({
          label: nullable(Type.String({ description: 'its present answer' })),
          micro_f1: Score,
          micro_f1_recent: Score,
        }),
      },
      { description: 'always answering the most frequent label so far, and no other' },
    ),
    window_events: Type.Integer({
      description:
        'number of recent examples for macro F1, calibration, labels and thresholds: at most 10,000',
    }),
    coverage: Type.Number({ description: 'share of these that were answered with a label' }),
    calibration: Type.Object({
      ece: Type.Number({
        description: 'expected calibration error of all scores of these examples',
      }),
      scores: Type.Integer({ description: 'number of scores that this is known from' }),
    }),
    labels: Type.Array(
      Type.Object({
        label: Type.String(),
        support: Count,
        predicted: Count,
        correct: Count,
        precision: Share,
        recall: Share,
        f1: Share,
        threshold: Score,
      }),
      { description: 'most examples first, 32 at most' },
    ),
    other_labels: Type.Object({ labels: Count, support: Count, correct: Count }),
  }),
  brief: Type.Object({
    micro_f1_recent: Score,
    macro_f1: Score,
    majority_micro_f1_recent: Score,
    coverage: Type.Number(),
    ece: Type.Number(),
  }),
} satisfies TaskSchemas

export const multilabelView: TaskView<Answer> = {
  signals: [labels, yesNo, rating],
  schemas: multilabelSchemas,
  score: { name: 'overlap', meaning: overlap },
  headline: {
    measure: {
      name: 'micro F1',
      meaning: `${micro}: 1 = always exactly the right labels`,
      better: 'higher',
      values(report) {
        const { events, micro_f1: all, micro_f1_recent: recent } = reportIn(report)
        return events === 0 ? undefined : { recent, all }
      },
    },
    baseline: {
      name: 'always the most frequent label',
      recent: (report) => (report as Partial<MultilabelReport>).baselines?.majority.micro_f1_recent,
    },
    figure: (f1) => `${(100 * f1).toFixed(1)} %`,
    phrase: (figure) => `micro F1 ${figure}`,
  },
  example: (facts) => ({ labels: answering(facts).slice(0, 2) }),
  answer: ({ isSilent, ...answer }) => (isSilent === true ? { ...answer, ...silence() } : answer),
  message: ({ labels, scores }) => ({
    text: namesIn(labels).join(', ') || 'none',
    likelihoods: (scores ?? {}) as Readonly<Record<string, number>>,
  }),
  served({ labels, isSilent }) {
    const names = labels.map(({ label }) => label)
    return { text: isSilent === true ? '' : servedText(names), shown: { labels: names } }
  },
  facts(facts) {
    const { retired, thresholds, threshold } = facts
    return {
      labels: answering(facts),
      ...(retired !== undefined && { retired }),
      ...(thresholds !== undefined && { thresholds }),
      ...(threshold !== undefined && { threshold }),
    }
  },
  // The stratum of the examples without a label is ''.
  stratum: (label) => ({ label: label === '' ? '(none)' : label }),
  brief(report) {
    const { micro_f1_recent, macro_f1, baselines, coverage, calibration } = reportIn(report)
    return {
      ...{ micro_f1_recent, macro_f1, coverage, ece: calibration.ece },
      majority_micro_f1_recent: baselines.majority.micro_f1_recent,
    }
  },
  gauges: ['labelPrecision', 'labelRecall', 'labelSupport'],
  measure(report, gauge) {
    const { events, micro_f1, micro_f1_recent, macro_f1, ...more } = reportIn(report)
    gauge('labelsF1', { average: 'micro', window: 'all' }, micro_f1)
    if (events === 0) return
    gauge('labelsF1', { average: 'micro', window: 'recent' }, micro_f1_recent)
    gauge('labelsF1', { average: 'macro', window: 'recent' }, macro_f1)
    gauge(
      'labelsF1',
      { average: 'majority', window: 'recent' },
      more.baselines.majority.micro_f1_recent,
    )
    gauge('calibrationError', {}, more.calibration.ece)
    gauge('labelCoverage', {}, more.coverage)
    for (const { label, support, precision, recall } of more.labels) {
      gauge('labelSupport', { label }, support)
      if (precision !== null) gauge('labelPrecision', { label }, precision)
      if (recall !== null) gauge('labelRecall', { label }, recall)
    }
  },
}

/** An open model that has learned nothing yet. */
function silence() {
  const { code, message } = failure('NO_LABELS', 'the model has no label yet')
  return { code, message: `${message}: ${errorTable.NO_LABELS.fix}` }
}

function answering({ labels = [], retired = [] }: TaskFacts): readonly string[] {
  const gone = labelsIn(retired)
  return labelsIn(labels).filter((label) => !gone.includes(label))
}

function namesIn(labels: unknown): readonly string[] {
  const known = Array.isArray(labels) ? (labels as Answer['labels']) : []
  return known.map(({ label }) => label)
}

function reportIn(report: object): MultilabelReport {
  return report as MultilabelReport
}
