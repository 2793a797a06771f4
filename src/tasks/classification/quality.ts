/**
 * Quality label by label: compared with trivial baselines, and with calibration. Only examples with a label count, each
 * answered before it was learned.
 */
import type { Json, Tensor } from '../../contracts/core.ts'
import type { Score, TaskFacts } from '../../contracts/example.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import { softmax } from '../../nn/softmax.ts'
import { Temperature } from '../../nn/temperature.ts'
import {
  accuraciesOf,
  noAccuracy,
  observed,
  type AccuracyState,
} from '../../evaluation/running-accuracy.ts'
import type { AnswerSettings, CalibrationFacts } from './answering.ts'
import { Baselines, type BaselinesState } from './baselines.ts'
import { ForgettingByLabel, type ForgettingState } from './label-forgetting.ts'
import type { ClassificationReport } from './report.ts'
import { confusionOf, labelsOf } from './quality-labels.ts'
import { QualityWindow, type Promised, type WindowState } from './quality-window.ts'
import type { LabelTarget } from './target.ts'

interface State {
  readonly [key: string]:
    AccuracyState | WindowState | BaselinesState | ForgettingState | readonly number[]
  readonly accuracy: AccuracyState
  readonly window: WindowState
  readonly baselines: BaselinesState
  readonly forgetting: ForgettingState
  /** Absent in a checkpoint from before it was fitted. */
  readonly temperature?: readonly number[]
}

/**
 * Scores of the weights are served as they are until examples say otherwise. Chosen on the demo's sentences and on the
 * training part of banking77, where 300 to 500 examples left the smallest calibration error.
 */
const FIRST = { inverse: 1, memory: 500 }

export class ClassificationQuality implements TaskQuality<LabelTarget> {
  /** Labels with a row of their own in a report. */
  readonly #most: number
  readonly #window: QualityWindow
  readonly #baselines = new Baselines()
  readonly #forgetting = new ForgettingByLabel()
  /** Undefined: scores are served as the weights have them. */
  readonly #temperature: Temperature | undefined
  #accuracy = noAccuracy

  constructor(most: number, { calibration, unsure }: AnswerSettings) {
    this.#most = most
    this.#window = new QualityWindow(unsure)
    if (calibration === 'temperature') this.#temperature = new Temperature(FIRST)
  }

  observe(score: Score, { kind, label }: LabelTarget): void {
    if (kind !== 'label') return
    const { error, answer } = score
    this.#accuracy = observed(this.#accuracy, 1 - error)
    this.#baselines.observe(label)
    this.#forgetting.observe(label, answer === label)
    // A head without labels gives no answer, which claims nothing.
    const promised = answer === '' ? undefined : this.#promised(score)
    this.#window.observe(label, typeof answer === 'string' ? answer : '', promised)
  }

  /** Then the temperature learns of it: each example is a test first. */
  #promised({ confidence: raw = NaN, evidence }: Score): Promised | undefined {
    if (!Number.isFinite(raw)) return undefined
    const temperature = this.#temperature
    if (evidence === undefined || temperature === undefined) return { raw, served: raw }
    const logits = evidence.outputs.map((logit) => logit * temperature.inverse)
    if (evidence.right >= 0) temperature.observe(logits, evidence.right, 1)
    return { raw, served: Math.max(...softmax(logits)) }
  }

  facts(): TaskFacts {
    const temperature = this.#temperature
    if (temperature === undefined || this.#window.count === 0) return {}
    return { calibration: { ...this.#calibration() } satisfies CalibrationFacts }
  }

  #calibration(): CalibrationFacts {
    const [served, raw] = [this.#window.served.report(), this.#window.bins.report()]
    return {
      temperature: 1 / (this.#temperature?.inverse ?? 1),
      ece: served.ece,
      ece_uncalibrated: raw.ece,
      events: served.count,
    }
  }

  report(): ClassificationReport & Readonly<Record<string, Json>> {
    const counts = this.#window.labels()
    const { shown, others } = labelsOf(counts, this.#most)
    const { mean } = this.#forgetting
    const { sure } = this.#window
    const report: ClassificationReport = {
      events: this.#accuracy[0],
      ...accuraciesOf(this.#accuracy),
      baselines: this.#baselines.report(),
      window_events: this.#window.count,
      calibration: { ...this.#calibration(), bins: this.#window.served.report().bins },
      ...(sure && { sure: sure.report() }),
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
      ...(this.#temperature && { temperature: [...this.#temperature.snapshot().data] }),
    }
  }

  restore(state: Readonly<Record<string, Json>>): void {
    const { accuracy, window, baselines, temperature } = state as State
    // Absent in a checkpoint from before it was counted.
    const { forgetting = [] } = state as Partial<State>
    this.#accuracy = accuracy
    this.#window.restore(window)
    this.#baselines.restore(baselines)
    this.#forgetting.restore(forgetting)
    if (temperature !== undefined) this.#temperature?.restore(tensorOf(temperature))
  }
}

function tensorOf(values: readonly number[]): Tensor {
  return { shape: [values.length], data: Float32Array.from(values) }
}
