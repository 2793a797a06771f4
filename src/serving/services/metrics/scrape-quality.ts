/**
 * Quality of the answers, as gauges. Series that are no longer reported are removed, so that their number stays small.
 */
import type { SliceGap } from '../../../contracts/release.ts'
import type { Metrics, NameOf } from '../../../platform/metrics.ts'
import type { ServedModel, TrainerReport } from '../served-model.ts'

/** Called before the models of a scrape are reported. */
export function forgetQuality(
  metrics: Metrics,
  models: readonly Pick<ServedModel, 'task'>[],
): void {
  const ofTasks = new Set(models.flatMap(({ task }) => task.view.gauges))
  for (const name of ofTasks) metrics.reset(name as NameOf<'gauge'>)
  metrics.reset('eventSourceAccuracy')
  metrics.reset('servedPartError')
  metrics.reset('servedSliceGap')
  for (const name of [
    ...(['servedError', 'servedJudged', 'trialError', 'trialJudged'] as const),
    ...(['trialSeconds', 'forgetRequests'] as const),
  ])
    metrics.reset(name)
  metrics.reset('sliceAccuracy')
  metrics.reset('sliceGap')
  metrics.reset('fitLoss')
}

export function showQuality(
  metrics: Metrics,
  { name: model, task }: Pick<ServedModel, 'name' | 'task'>,
  { quality }: TrainerReport,
): void {
  if (quality === undefined) return
  const window = 'recent_by_source'
  // Without a scored example a zero would look like a score.
  if (quality.sources.length > 0)
    metrics.gauge('accuracy', { model, window }, quality.accuracy_recent_by_source)
  task.view.measure(quality, (name, by, value) => {
    // The gauges of tasks are in the table of metrics; a test compares them.
    metrics.gauge(name as 'accuracy', { model, ...by } as { model: string; window: string }, value)
  })
  for (const { source, accuracy_recent } of quality.sources)
    metrics.gauge('eventSourceAccuracy', { model, source }, accuracy_recent)
  for (const { slice, accuracy_recent } of quality.slices ?? [])
    metrics.gauge('sliceAccuracy', { model, slice }, accuracy_recent)
  for (const [bound, value] of boundsOf(quality.slice_gap))
    metrics.gauge('sliceGap', { model, bound }, value / 100)
}

function boundsOf(gap: SliceGap | undefined): readonly (readonly [string, number])[] {
  return gap === undefined
    ? []
    : Object.entries({ point: gap.points, low: gap.low, high: gap.high })
}

/** How well the weights fit rows that they have learned, and rows that they have not. */
export function showFit(metrics: Metrics, model: string, { lossGap, kl }: TrainerReport): void {
  if (kl !== undefined) metrics.gauge('klToBase', { model }, kl.per_token)
  if (lossGap === undefined) return
  const { trained, unseen, from, warning } = lossGap
  metrics.gauge('fitLoss', { model, rows: 'trained' }, trained)
  metrics.gauge('fitLoss', { model, rows: from }, unseen)
  metrics.gauge('overfitting', { model }, warning === undefined ? 0 : 1)
}

/** Shows the judged answers of the version that answers here now. */
export function showServed(
  metrics: Metrics,
  { name: model, live }: Pick<ServedModel, 'name' | 'live'>,
  { served = [] }: TrainerReport,
): void {
  metrics.gauge('scoredVersions', { model }, served.length)
  const version = live.live()?.manifest.version
  const judged = served.find((each) => each.version === version)
  if (judged === undefined) return
  metrics.gauge('servedError', { model }, judged.error)
  metrics.gauge('servedJudged', { model }, judged.count)
  for (const [bound, value] of boundsOf(judged.sliceGap))
    metrics.gauge('servedSliceGap', { model, bound }, value / 100)
  const { strata = [], slices = [], sources = [] } = judged.parts ?? {}
  for (const [by, rows] of Object.entries({ stratum: strata, slice: slices, source: sources }))
    for (const { name, error } of rows) metrics.gauge('servedPartError', { model, by, name }, error)
}

/** While a version is on trial. */
export function showTrial(metrics: Metrics, model: string, { trial }: TrainerReport): void {
  if (trial === undefined) return
  for (const arm of ['candidate', 'live'] as const) {
    const { count, errors } = trial[arm]
    metrics.gauge('trialJudged', { model, arm }, count)
    if (count > 0) metrics.gauge('trialError', { model, arm }, errors / count)
  }
}
