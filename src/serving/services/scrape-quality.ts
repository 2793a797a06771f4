/**
 * Quality of the answers, as gauges. Labels and sources that are no longer reported are removed, so that the number of
 * series stays small.
 */
import type { Metrics } from '../../platform/metrics.ts'
import { labelledReport } from './labelled-report.ts'
import type { TrainerReport } from './served-model.ts'

/** Called before the models of a scrape are reported. */
export function forgetQuality(metrics: Metrics): void {
  for (const name of ['labelPrecision', 'labelRecall', 'labelSupport'] as const) metrics.reset(name)
  metrics.reset('eventSourceAccuracy')
}

export function showQuality(metrics: Metrics, model: string, { quality }: TrainerReport): void {
  if (quality === undefined) return
  const { baselines, calibration, labels, sources } = labelledReport(quality)
  const window = 'recent_by_source'
  metrics.gauge('accuracy', { model, window }, quality.accuracy_recent_by_source)
  metrics.gauge('calibrationError', { model }, calibration.ece)
  for (const [baseline, { accuracy_recent }] of Object.entries(baselines))
    metrics.gauge('baselineAccuracy', { model, baseline }, accuracy_recent)
  for (const { label, support, precision, recall } of labels) {
    metrics.gauge('labelSupport', { model, label }, support)
    if (precision !== null) metrics.gauge('labelPrecision', { model, label }, precision)
    if (recall !== null) metrics.gauge('labelRecall', { model, label }, recall)
  }
  for (const { source, accuracy_recent } of sources)
    metrics.gauge('eventSourceAccuracy', { model, source }, accuracy_recent)
}
