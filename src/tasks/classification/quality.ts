/**
 * Quality label by label: compared with trivial baselines, and with calibration. Only examples with a label count, each
 * answered before it was learned.
 */
import type { Json } from '../../contracts/core.ts'
import type { Score, TaskQuality } from '../../contracts/task.ts'
import {
  accuraciesOf,
  noAccuracy,
  observed,
  type AccuracyState,
} from '../../evaluation/running-accuracy.ts'
import { Baselines, type BaselinesState } from './baselines.ts'
import { ForgettingByLabel, type ForgettingState } from './label-forgetting.ts'
import type { ClassificationReport } from './report.ts'
import { confusionOf, labelsOf } from './quality-labels.ts'
import { QualityWindow, type WindowState } from './quality-window.ts'
import type { LabelTarget } from './target.ts'

interface State {
  readonly [key: string]: AccuracyState | WindowState | BaselinesState | ForgettingState
  readonly accuracy: AccuracyState
  readonly window: WindowState
  readonly baselines: BaselinesState
  readonly forgetting: ForgettingState
}

export class ClassificationQuality implements TaskQuality<LabelTarget> {
  /** Labels with a row of their own in a report. */
  readonly #most: number
  readonly #window = new QualityWindow()
  readonly #baselines = new Baselines()
  readonly #forgetting = new ForgettingByLabel()
  #accuracy = noAccuracy

  constructor(most: number) {
    this.#most = most
  }

  observe({ error, answer, confidence }: Score, { kind, label }: LabelTarget): void {
    if (kind !== 'label') return
    this.#accuracy = observed(this.#accuracy, 1 - error)
    this.#baselines.observe(label)
    this.#forgetting.observe(label, answer === label)
    // A head without labels gives no answer, which claims nothing.
    const promised = answer === '' ? undefined : finite(confidence)
    this.#window.observe(label, typeof answer === 'string' ? answer : '', promised)
  }

  report(): ClassificationReport & Readonly<Record<string, Json>> {
    const counts = this.#window.labels()
    const { shown, others } = labelsOf(counts, this.#most)
    const { mean } = this.#forgetting
    const report: ClassificationReport = {
      events: this.#accuracy[0],
      ...accuraciesOf(this.#accuracy),
      baselines: this.#baselines.report(),
      window_events: this.#window.count,
      calibration: this.#window.bins.report(),
      labels: shown.map((row) => ({ ...row, ...this.#forgetting.of(row.label) })),
      other_labels: others,
      ...(mean !== undefined && { forgetting: mean }),
      confusion: confusionOf(shown, {
        counts,
        pairs: this.#window.pairs(),
        total: this.#window.count,
      }),
    }
    return report as ClassificationReport & Readonly<Record<string, Json>>
  }

  snapshot(): State {
    return {
      accuracy: this.#accuracy,
      window: this.#window.snapshot(),
      baselines: this.#baselines.snapshot(),
      forgetting: this.#forgetting.snapshot(),
    }
  }

  restore(state: Readonly<Record<string, Json>>): void {
    const { accuracy, window, baselines } = state as State
    // Absent in a checkpoint from before it was counted.
    const { forgetting = [] } = state as Partial<State>
    this.#accuracy = accuracy
    this.#window.restore(window)
    this.#baselines.restore(baselines)
    this.#forgetting.restore(forgetting)
  }
}

function finite(confidence: number | undefined): number | undefined {
  return confidence !== undefined && Number.isFinite(confidence) ? confidence : undefined
}
