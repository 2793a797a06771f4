/** Gauges that are cheaper to read than to keep: set before each scrape from what the server and the trainer know. */
import type { Metrics } from '../runtime/metrics.ts'
import type { RouteContext } from './context.ts'
import type { TrainerReport } from './served-model.ts'

export function watchScrapes({ models, trainer, metrics }: RouteContext): void {
  metrics.onScrape(() => {
    for (const model of models) {
      metrics.gauge('batcherQueue', { model: model.name }, model.waitingRows())
      showTrainer(metrics, model.name, trainer.status(model.name))
    }
  })
}

function showTrainer(metrics: Metrics, model: string, report: TrainerReport): void {
  const { counts, prequential } = report
  metrics.gauge('lag', { model }, report.lag)
  metrics.gauge('pending', { model }, report.pending)
  metrics.gauge('waitingJoins', { model }, counts.waiting)
  for (const outcome of ['accepted', 'duplicates', 'learned', 'rejected'] as const)
    metrics.gauge('events', { model, outcome }, counts[outcome])
  metrics.gauge('loss', { model }, prequential.loss)
  metrics.gauge('accuracy', { model, window: 'all' }, prequential.accuracy)
  metrics.gauge('accuracy', { model, window: 'recent' }, prequential.accuracy_recent)
}
