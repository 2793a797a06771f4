/** Spans as people see them, and how many are found. */
import type { TaskFacts } from '../../contracts/example.ts'
import type { TaskView } from '../../contracts/task-view.ts'
import { rating } from '../../payloads/signals/rating.ts'
import { addSpans, removeSpans, spans } from '../../payloads/signals/spans.ts'
import { errorTable, failure } from '../../platform/errors.ts'
import { labelsIn } from '../labels/label-rules.ts'
import { closeness, spansSchemas, type SpansReport } from './schemas.ts'
import type { Answer } from './score.ts'
import { servedText } from './target.ts'

export const spansView: TaskView<Answer> = {
  signals: [spans, addSpans, removeSpans, rating],
  schemas: spansSchemas,
  score: { name: 'closeness', meaning: closeness },
  headline: {
    measure: {
      name: 'F1',
      meaning: 'entity-level F1 of all spans together: 1 = all found, and nothing else',
      better: 'higher',
      values(report) {
        const { f1: all, f1_recent: recent } = reportOf(report)
        return all === null || recent === null ? undefined : { recent, all }
      },
    },
    baseline: {
      name: 'a dictionary of the spans so far',
      recent: (report) =>
        (report as Partial<SpansReport>).baselines?.dictionary.f1_recent ?? undefined,
    },
    figure: (f1) => (100 * f1).toFixed(1),
    phrase: (figure) => `F1 ${figure}`,
  },
  example: (facts) => ({ spans: [{ start: 0, end: 4, label: answering(facts)[0] ?? 'place' }] }),
  answer({ spans: list, isSilent }) {
    if (isSilent !== true) return { spans: list }
    const { code, message } = failure('NO_LABELS', 'the model has no label yet')
    return { spans: list, code, message: `${message}: ${errorTable.NO_LABELS.fix}` }
  },
  message: ({ spans: list = [] }) => ({ text: JSON.stringify(list) }),
  served: ({ spans: list, isSilent }) => ({
    text: isSilent === true ? '' : servedText(list),
    shown: { spans: list },
  }),
  facts(facts) {
    const { retired } = facts
    return { labels: answering(facts), ...(retired !== undefined && { retired }) }
  },
  stratum: (label) => (label === '' ? {} : { label }),
  brief(report) {
    const { f1_recent, baselines } = reportOf(report)
    return { f1_recent, dictionary_f1_recent: baselines.dictionary.f1_recent }
  },
  gauges: ['labelPrecision', 'labelRecall', 'labelSupport'],
  measure(report, gauge) {
    const { events, f1, f1_recent, baselines, labels } = reportOf(report)
    // Without a scored example a zero would look like a score.
    if (events === 0) return
    if (f1 !== null) gauge('spanF1', { window: 'all' }, f1)
    if (f1_recent !== null) gauge('spanF1', { window: 'recent' }, f1_recent)
    const { dictionary } = baselines
    if (dictionary.f1_recent !== null)
      gauge('baselineSpanF1', { baseline: 'dictionary' }, dictionary.f1_recent)
    for (const { label, support, precision, recall } of labels) {
      gauge('labelSupport', { label }, support)
      if (precision !== null) gauge('labelPrecision', { label }, precision)
      if (recall !== null) gauge('labelRecall', { label }, recall)
    }
  },
}

function answering({ labels = [], retired = [] }: TaskFacts): readonly string[] {
  const gone = labelsIn(retired)
  return labelsIn(labels).filter((label) => !gone.includes(label))
}

function reportOf(report: object): SpansReport {
  return report as SpansReport
}
