/** Gauges that are cheaper to read than to keep up to date: set before each scrape from the server and the trainers. */
import type { Clock } from '../../../contracts/core.ts'
import type { Metrics, TagsOf, NameOf } from '../../../platform/metrics.ts'
import type { ServedModel, TrainerReport, TrainerView } from '../served-model.ts'
import type { Services } from '../services.ts'
import { forgetQuality, showFit, showQuality, showServed, showTrial } from './scrape-quality.ts'

/** Counters with totals that others keep: raised at each scrape by the difference since the last. */
export class Rising {
  readonly #metrics: Pick<Metrics, 'count'>
  readonly #totals = new Map<string, number>()

  constructor(metrics: Pick<Metrics, 'count'>) {
    this.#metrics = metrics
  }

  /** A total that begins at 0 with each process of a trainer: one that fell has begun again. */
  raise<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, total: number): void {
    const before = this.#exchange(name, tags, total)
    this.#metrics.count(name, tags, total < before ? total : total - before)
  }

  /**
   * A total that is saved with the model. Until the checkpoint is read it is 0, and after a crash or a rollback it may be
   * a little lower: only what comes after that is counted, the work that is done again included.
   */
  raiseSaved<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, total: number): void {
    const before = total === 0 ? 0 : this.#exchange(name, tags, total)
    this.#metrics.count(name, tags, Math.max(0, total - before))
  }

  /** Returns the total of the last scrape. */
  #exchange(name: string, tags: object, total: number): number {
    const key = JSON.stringify([name, tags])
    const before = this.#totals.get(key) ?? 0
    this.#totals.set(key, total)
    return before
  }
}

interface ScrapeOptions {
  readonly models: readonly ServedModel[]
  readonly trainer: TrainerView
  readonly services: Pick<Services, 'series' | 'model'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly metrics: Metrics
  /** The version of the daemon, for `build_info`. */
  readonly version: string
}

export function watchScrapes(options: ScrapeOptions): void {
  const { models, trainer, services, metrics, version } = options
  const { series } = services
  metrics.gauge('buildInfo', { version, node: process.version }, 1)
  const rising = new Rising(metrics)
  const seen = new Map<string, number>()
  metrics.onScrape(() => {
    forgetQuality(metrics, models)
    for (const name of ['lag', 'sourceLag'] as const) metrics.reset(name)
    metrics.gauge('watchers', {}, series.watchers())
    for (const model of models) {
      metrics.gauge('batcherQueue', { model: model.name }, model.waitingRows())
      const { samples, parts } = series.size(model.name)
      metrics.gauge('samples', { model: model.name }, samples)
      metrics.gauge('partSamples', { model: model.name }, parts)
      metrics.gauge('inboxEvents', { model: model.name }, model.feedback.unread())
      const report = trainer.status(model.name)
      showTrainer(metrics, model.name, report)
      showQuality(metrics, model, report)
      showCompute(metrics, rising, model.name, report)
      showFit(metrics, model.name, report)
      showServed(metrics, model, report)
      showTrial(metrics, model.name, report)
      showTrialAge(model.name, options)
      showForgetting(metrics, model, report)
      showSources(metrics, rising, model.name, report)
      showForgotten(rising, model, report)
      if (report.memorised !== undefined)
        metrics.gauge('memorised', { model: model.name }, report.memorised)
      for (const [expert, weight] of Object.entries(report.expertWeights ?? {}))
        metrics.gauge('expertWeight', { model: model.name, expert }, weight)
      showUpdates(metrics, rising, seen, model.name, report)
      for (const [store, bytes] of Object.entries(model.storeBytes?.() ?? {}))
        metrics.gauge('storeBytes', { model: model.name, store }, bytes)
      if (report.kept) {
        metrics.gauge('versionsKept', { model: model.name }, report.kept.versions)
        metrics.gauge('versionsBytes', { model: model.name }, report.kept.bytes)
      }
      for (const [why, count] of Object.entries(report.defence?.keptBack ?? {}))
        rising.raiseSaved('keptBack', { model: model.name, why }, count)
      if (report.alarms)
        rising.raiseSaved('driftAlarms', { model: model.name }, report.alarms.count)
    }
    const reports = models.map(({ name }) => trainer.status(name))
    metrics.gauge('residentBytes', { process: 'trainer' }, bytesOfAll(reports))
    const kernels = reports.map((each) => ({ ...each, residentBytes: each.kernelBytes ?? 0 }))
    metrics.gauge('kernelMemoryBytes', { process: 'trainer' }, bytesOfAll(kernels))
  })
}

const WORKING: ReadonlySet<string> = new Set(['running', 'idle', 'standby', 'paused', 'budget'])

/** Models in one process report the same number; isolated ones have their own. */
export function bytesOfAll(
  reports: readonly Pick<TrainerReport, 'pid' | 'residentBytes'>[],
): number {
  const byProcess = new Map(reports.map(({ pid, residentBytes }) => [pid, residentBytes]))
  return [...byProcess.values()].reduce((sum, bytes) => sum + bytes, 0)
}

function showEvents(
  metrics: Metrics,
  model: string,
  { states, rows, bytes }: NonNullable<TrainerReport['events']>,
): void {
  for (const [state, count] of Object.entries(states))
    metrics.gauge('receipts', { model, state }, count)
  metrics.gauge('eventLogRows', { model }, rows)
  metrics.gauge('eventLogBytes', { model }, bytes)
}

function showTrainer(metrics: Metrics, model: string, report: TrainerReport): void {
  const { counts, prequential, sources = {} } = report
  // A source that cannot be read does not say what waits in it: no series is better than a number that is too low.
  if (Object.values(sources).every(({ code }) => code === undefined))
    metrics.gauge('lag', { model }, report.lag)
  metrics.gauge('trainerUp', { model }, WORKING.has(report.state) ? 1 : 0)
  metrics.gauge('pending', { model }, report.pending)
  metrics.gauge('waitingJoins', { model }, counts.waiting)
  metrics.gauge('setAside', { model }, counts.set_aside ?? 0)
  metrics.gauge('quarantined', { model }, counts.quarantined ?? 0)
  metrics.gauge('heldOut', { model }, counts.held_out ?? 0)
  if (report.events !== undefined) showEvents(metrics, model, report.events)
  metrics.gauge('latentBytes', { model }, report.latentBytes ?? 0)
  metrics.gauge('retractionsAhead', { model }, report.retractionsAhead ?? 0)
  metrics.gauge('paused', { model }, report.state === 'paused' ? 1 : 0)
  for (const outcome of ['accepted', 'duplicates', 'learned', 'rejected'] as const)
    metrics.gauge('events', { model, outcome }, counts[outcome])
  metrics.gauge('steps', { model }, report.steps)
  metrics.gauge('droppedSteps', { model }, report.droppedSteps)
  metrics.gauge('tensors', { model }, report.tensors)
  metrics.gauge('loss', { model }, prequential.loss)
  metrics.gauge('accuracy', { model, window: 'all' }, prequential.accuracy)
  metrics.gauge('accuracy', { model, window: 'recent' }, prequential.accuracy_recent)
}

/** While a version is on trial. */
function showTrialAge(model: string, { metrics, services, clock }: ScrapeOptions): void {
  const since = services.model(model).trials.sinceMs()
  if (since !== undefined)
    metrics.gauge('trialSeconds', { model }, Math.max(0, clock.nowMs() - since) / 1000)
}

/** Requests on their way are the trainer's; certificates are files here. */
function showForgetting(
  metrics: Metrics,
  { name: model, forgets }: ServedModel,
  { forgetting, state: trainer }: TrainerReport,
): void {
  if (forgetting !== undefined && trainer !== 'standby') {
    const { asked, rebuilding } = forgetting
    const isBlocked = trainer === 'failed'
    metrics.gauge('forgetRequests', { model, state: 'asked' }, isBlocked ? 0 : asked)
    metrics.gauge('forgetRequests', { model, state: 'rebuilding' }, isBlocked ? 0 : rebuilding)
    metrics.gauge('forgetRequests', { model, state: 'blocked' }, isBlocked ? asked + rebuilding : 0)
  }
  if (forgets !== undefined) metrics.gauge('forgetCertificates', { model }, forgets.count())
}

function showSources(
  metrics: Metrics,
  rising: Rising,
  model: string,
  { sources = {}, unknownKeys = 0, truncated = 0 }: TrainerReport,
): void {
  for (const [source, stats] of Object.entries(sources)) {
    const { records, bytes, refused, rebalances, lag, resets = 0, missing = 0, code } = stats
    rising.raise('sourceRecords', { model, source }, records)
    rising.raise('sourceBytes', { model, source }, bytes)
    rising.raise('sourceRefused', { model, source }, refused)
    rising.raise('sourceRebalances', { model, source }, rebalances)
    rising.raise('sourceResets', { model, source }, resets)
    rising.raise('sourceMissing', { model, source }, missing)
    if (code === undefined) metrics.gauge('sourceLag', { model, source }, lag)
    metrics.gauge('sourceUp', { model, source }, code === undefined ? 1 : 0)
  }
  rising.raise('unknownKeys', { model }, unknownKeys)
  rising.raise('truncated', { model, by: 'trainer' }, truncated)
}

function showCompute(
  metrics: Metrics,
  rising: Rising,
  model: string,
  { compute }: TrainerReport,
): void {
  if (compute === undefined) return
  const { training, evaluation, lastHour, perHour } = compute
  rising.raiseSaved('computeSeconds', { model, part: 'training' }, training)
  rising.raiseSaved('computeSeconds', { model, part: 'evaluation' }, evaluation)
  if (perHour !== undefined) metrics.gauge('budgetUsed', { model }, lastHour / perHour)
}

/** `seen`: the number of updates of each model that the previous scrape counted. */
function showUpdates(
  metrics: Metrics,
  rising: Rising,
  seen: Map<string, number>,
  model: string,
  { updates }: TrainerReport,
): void {
  if (updates === undefined) return
  const { count, stepSeconds, verdicts = {}, earlyStops = 0, scaledBack = 0 } = updates
  rising.raise('updatesScaledBack', { model }, scaledBack)
  rising.raise('earlyStops', { model }, earlyStops)
  const before = seen.get(model) ?? 0
  // A count that fell belongs to another process.
  const fresh = Math.min(stepSeconds.length, count < before ? count : count - before)
  for (const seconds of stepSeconds.slice(stepSeconds.length - fresh))
    metrics.observe('stepSeconds', { model }, seconds)
  seen.set(model, count)
  rising.raise('updates', { model }, count)
  for (const [policy, counts] of Object.entries(verdicts))
    for (const [verdict, decided] of Object.entries(counts))
      rising.raise('promotionVerdicts', { model, policy, verdict }, decided)
}

/** Entries evicted by limits, so that evictions show before a duplicate or a missing dead letter does. */
function showForgotten(
  rising: Rising,
  served: ServedModel,
  { forgottenIds = 0 }: TrainerReport,
): void {
  const { name: model } = served
  const { ids = 0, deadLetters = 0 } = served.forgotten?.() ?? {}
  rising.raiseSaved('idsForgotten', { model, by: 'inbox' }, ids)
  rising.raiseSaved('idsForgotten', { model, by: 'trainer' }, forgottenIds)
  rising.raiseSaved('deadLettersGone', { model }, deadLetters)
  for (const [code, count] of Object.entries(served.letterCounts?.() ?? {}))
    rising.raiseSaved('deadLetters', { model, code }, count)
}
