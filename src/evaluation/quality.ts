/**
 * How good the answers are, beyond one number: by label, by source, against what one gets for nothing, and whether scores
 * mean what they say. Prequential like the scoreboard, of which it is a part; bounded in all it keeps.
 */
import type { Example, Score } from '../contracts/task.ts'
import type { QualityReport } from './contract.ts'
import { Baselines, type BaselinesState } from './baselines.ts'
import { confusionOf, labelsOf } from './quality-labels.ts'
import { QualityWindow, type WindowState } from './quality-window.ts'
import {
  accuraciesOf,
  noAccuracy,
  observed,
  ratio,
  type AccuracyState,
} from './running-accuracy.ts'
import { SourceScores, type SourcesState } from './source-scores.ts'

export interface QualityLimits {
  /** Labels with a row of their own in a report. */
  readonly labels: number
  /** Sources of events with a row of their own. */
  readonly sources: number
}

export const defaultQualityLimits: QualityLimits = { labels: 32, sources: 32 }

export interface QualityState {
  readonly [key: string]: AccuracyState | WindowState | SourcesState | BaselinesState
  readonly accuracy: AccuracyState
  readonly window: WindowState
  readonly sources: SourcesState
  readonly baselines: BaselinesState
}

export class Quality {
  readonly #limits: QualityLimits
  readonly #window = new QualityWindow()
  readonly #sources: SourceScores
  readonly #baselines = new Baselines()
  /** Of examples with a label: the baselines are of these alone. */
  #accuracy = noAccuracy

  constructor(limits: QualityLimits) {
    this.#limits = limits
    this.#sources = new SourceScores(limits.sources)
  }

  observe(score: Score, { source, target }: Pick<Example, 'source' | 'target'>): void {
    this.#sources.observe(source, score.correct)
    if (target.kind !== 'label') return
    this.#accuracy = observed(this.#accuracy, score.correct)
    this.#baselines.observe(target.label)
    // A head without labels answers nothing, which promises nothing.
    const confidence = score.answer === '' ? undefined : finite(score.confidence)
    this.#window.observe(target.label, score.answer, confidence)
  }

  report(): QualityReport {
    const counts = this.#window.labels()
    const { shown, others } = labelsOf(counts, this.#limits.labels)
    const sources = this.#sources.report()
    const recent = sources.reduce((sum, { accuracy_recent }) => sum + accuracy_recent, 0)
    return {
      events: this.#accuracy[0],
      ...accuraciesOf(this.#accuracy),
      accuracy_recent_by_source: ratio(recent, sources.length),
      baselines: this.#baselines.report(),
      window_events: this.#window.count,
      calibration: this.#window.bins.report(),
      labels: shown,
      other_labels: others,
      confusion: confusionOf(shown, {
        counts,
        pairs: this.#window.pairs(),
        total: this.#window.count,
      }),
      sources,
    }
  }

  snapshot(): QualityState {
    return {
      accuracy: this.#accuracy,
      window: this.#window.snapshot(),
      sources: this.#sources.snapshot(),
      baselines: this.#baselines.snapshot(),
    }
  }

  restore({ accuracy, window, sources, baselines }: QualityState): void {
    this.#accuracy = accuracy
    this.#window.restore(window)
    this.#sources.restore(sources)
    this.#baselines.restore(baselines)
  }
}

function finite(confidence: number | undefined): number | undefined {
  return confidence !== undefined && Number.isFinite(confidence) ? confidence : undefined
}
