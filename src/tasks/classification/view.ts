/** A classification as people see it: labels and their scores, and metrics by label. */
import type { TaskFacts } from '../../contracts/example.ts'
import type { Fields, TaskView } from '../../contracts/task-view.ts'
import { errorTable, failure } from '../../platform/errors.ts'
import type { LabelledReport } from './report.ts'
import { labelsIn } from '../labels/label-rules.ts'
import { classificationSchemas } from './schemas.ts'
import type { Answer } from './score.ts'
import { label } from '../../payloads/signals/label.ts'
import { rating } from '../../payloads/signals/rating.ts'

export const classificationView: TaskView<Answer> = {
  signals: [label, rating],
  schemas: classificationSchemas,
  score: { name: 'accuracy', meaning: 'share of the answers that were right' },
  headline: {
    baseline: {
      name: 'always the most frequent label',
      recent: (report) => (report as Partial<LabelledReport>).baselines?.majority.accuracy_recent,
    },
    figure: percent,
    phrase: (figure) => `${figure} right`,
  },
  example: (facts) => ({ label: answering(facts)[0] ?? 'positive' }),
  answer: (answer) => (answer.label === '' ? { ...answer, ...silence() } : answer),
  message({ label, scores }) {
    const text = typeof label === 'string' ? label : ''
    return { text, likelihoods: (scores ?? {}) as Readonly<Record<string, number>> }
  },
  served: ({ label }) => ({ text: label, shown: { label } }),
  facts(facts) {
    const { retired, calibration } = facts
    return {
      labels: answering(facts),
      ...(retired !== undefined && { retired }),
      ...(calibration !== undefined && { calibration }),
    }
  },
  stratum: (label) => ({ label }),
  brief(report) {
    const { baselines, calibration, sure } = labelled(report)
    return {
      majority_recent: baselines.majority.accuracy_recent,
      last_label_recent: baselines.last_label.accuracy_recent,
      ece: calibration.ece,
      ece_uncalibrated: calibration.ece_uncalibrated,
      temperature: calibration.temperature,
      ...(sure && { sure: { ...sure } }),
    }
  },
  gauges: ['labelPrecision', 'labelRecall', 'labelSupport', 'labelForgetting'],
  measure(report, gauge) {
    const { events, baselines, calibration, labels, sure } = labelled(report)
    gauge('temperature', {}, calibration.temperature)
    // Without a scored example a zero would look like a score.
    if (events === 0) return
    gauge('calibrationError', {}, calibration.ece)
    gauge('uncalibratedError', {}, calibration.ece_uncalibrated)
    if (sure !== undefined) gauge('sureAnswers', {}, sure.coverage)
    if (typeof sure?.accuracy === 'number') gauge('sureAccuracy', {}, sure.accuracy)
    for (const [baseline, { accuracy_recent }] of Object.entries(baselines))
      gauge('baselineAccuracy', { baseline }, accuracy_recent)
    for (const { label, support, precision, recall, forgetting } of labels) {
      gauge('labelSupport', { label }, support)
      if (precision !== null) gauge('labelPrecision', { label }, precision)
      if (recall !== null) gauge('labelRecall', { label }, recall)
      if (forgetting !== undefined) gauge('labelForgetting', { label }, forgetting)
    }
  },
}

/** An open model that has learned nothing yet. Its id is good all the same: feedback may name it, with a first label. */
function silence(): Fields {
  const { code, message } = failure('NO_LABELS', 'the model has no label yet')
  return { label: null, code, message: `${message}: ${errorTable.NO_LABELS.fix}` }
}

function answering({ labels = [], retired = [] }: TaskFacts): readonly string[] {
  const gone = labelsIn(retired)
  return labelsIn(labels).filter((label) => !gone.includes(label))
}

/** `86 %`; only all is 100, and only nothing is 0. */
function percent(share: number): string {
  const whole = Math.round(100 * share)
  const isExact = (whole > 0 && whole < 100) || share === whole / 100
  return `${isExact ? whole : (100 * share).toFixed(1)} %`
}

function labelled(report: object): LabelledReport {
  return report as LabelledReport
}
