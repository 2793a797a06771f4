/**
 * Quality label by label: compared with trivial baselines, and with calibration. Only examples with a label count, each
 * answered before it was learned.
 */
import type { Json, Tensor } from '../../contracts/core.ts'
import type { Score, TaskFacts } from '../../contracts/example.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import { softmax, Temperature } from '../../nn/softmax.ts'
import { accuraciesOf, noMean, observed, type MeanState } from '../../evaluation/running-scores.ts'
import type { AnswerSettings, CalibrationFacts } from './answering.ts'
import { ForgettingByLabel, type ForgettingState } from './label-forgetting.ts'
import type { ClassificationReport, Baseline, LabelQuality } from './report.ts'
import {
  QualityWindow,
  type PromisedScores,
  type WindowState,
  type LabelCounts,
  type PairCount,
} from './quality-window.ts'
import type { LabelTarget } from './target.ts'

interface State {
  readonly [key: string]:
    MeanState | WindowState | BaselinesState | ForgettingState | readonly number[]
  readonly accuracy: MeanState
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
  #accuracy = noMean

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

  leaveOut({ kind, label }: LabelTarget): void {
    if (kind === 'label') this.#baselines.count(label)
  }

  /** Then the temperature learns of it: each example is a test first. */
  #promised({ confidence: raw = NaN, evidence }: Score): PromisedScores | undefined {
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

/** More labels are not counted. */
const MOST_LABELS = 1024

interface BaselinesState {
  readonly [key: string]: string | null | MeanState | readonly (readonly [string, number])[]
  readonly majority: string | null
  readonly last: string | null
  readonly counts: readonly (readonly [label: string, count: number])[]
  readonly byMajority: MeanState
  readonly byLast: MeanState
}

/**
 * The trivial baselines: answering the most frequent label so far, or the last one. A model that does not beat both has
 * learned little; on a stream with repeated labels, the second is hard to beat.
 */
class Baselines {
  #counts = new Map<string, number>()
  #majority: string | null = null
  #last: string | null = null
  #byMajority = noMean
  #byLast = noMean

  /** Test, then count. */
  observe(label: string): void {
    this.#byMajority = observed(this.#byMajority, Number(label === this.#majority))
    this.#byLast = observed(this.#byLast, Number(label === this.#last))
    this.count(label)
  }

  count(label: string): void {
    this.#last = label
    const before = this.#counts.get(label)
    if (before === undefined && this.#counts.size >= MOST_LABELS) return
    const count = (before ?? 0) + 1
    this.#counts.set(label, count)
    if (count > (this.#counts.get(this.#majority ?? label) ?? 0) || this.#majority === null)
      this.#majority = label
  }

  report(): { readonly majority: Baseline; readonly last_label: Baseline } {
    return {
      majority: { label: this.#majority, ...accuraciesOf(this.#byMajority) },
      last_label: { label: this.#last, ...accuraciesOf(this.#byLast) },
    }
  }

  snapshot(): BaselinesState {
    return {
      majority: this.#majority,
      last: this.#last,
      counts: [...this.#counts],
      byMajority: this.#byMajority,
      byLast: this.#byLast,
    }
  }

  restore({ majority, last, counts, byMajority, byLast }: BaselinesState): void {
    this.#majority = majority
    this.#last = last
    this.#counts = new Map(counts)
    this.#byMajority = byMajority
    this.#byLast = byLast
  }
}

/** The labels of a quality report: those with the most examples by name, all others in one row and column. */
type LabelTally = readonly [label: string, counts: LabelCounts]

function labelsOf(
  counts: ReadonlyMap<string, LabelCounts>,
  most: number,
): {
  readonly shown: readonly LabelQuality[]
  readonly others: ClassificationReport['other_labels']
} {
  const ordered = [...counts].sort(([a, one], [b, other]) => {
    return other.support - one.support || other.predicted - one.predicted || (a < b ? -1 : 1)
  })
  const rest = ordered.slice(most)
  const sum = (what: keyof LabelCounts) => rest.reduce((total, [, row]) => total + row[what], 0)
  return {
    shown: ordered.slice(0, most).map(qualityOf),
    others: { labels: rest.length, support: sum('support'), correct: sum('correct') },
  }
}

function qualityOf([label, { support, predicted, correct }]: LabelTally): LabelQuality {
  return {
    label,
    support,
    predicted,
    precision: predicted === 0 ? null : correct / predicted,
    recall: support === 0 ? null : correct / support,
    f1: support + predicted === 0 ? null : (2 * correct) / (support + predicted),
  }
}

interface ConfusionCounts {
  readonly counts: ReadonlyMap<string, LabelCounts>
  readonly pairs: readonly PairCount[]
  /** Examples in all. */
  readonly total: number
}

/** Rows are right labels and columns are answers; the last of each stands for all other labels and none. */
function confusionOf(
  shown: readonly LabelQuality[],
  { counts, pairs, total }: ConfusionCounts,
): ClassificationReport['confusion'] {
  const labels = shown.map(({ label }) => label)
  const places = new Map(labels.map((label, at) => [label, at]))
  const other = labels.length
  const table = Array.from({ length: other + 1 }, () => new Array<number>(other + 1).fill(0))
  const add = (row: number, column: number, count: number) => {
    const cells = table[row]
    if (cells !== undefined) cells[column] = (cells[column] ?? 0) + count
  }
  for (const [at, label] of labels.entries()) add(at, at, counts.get(label)?.correct ?? 0)
  for (const { label, answer, count } of pairs) {
    const [row, column] = [places.get(label), places.get(answer)]
    if (row !== undefined && column !== undefined) add(row, column, count)
  }
  for (const [at, { support, predicted }] of shown.entries()) {
    add(at, other, support - sumOf(table[at]?.slice(0, other)))
    add(other, at, predicted - sumOf(table.slice(0, other).map((row) => row[at] ?? 0)))
  }
  add(other, other, total - sumOf(table.map(sumOf)))
  return { labels, counts: table }
}

function sumOf(values: readonly number[] = []): number {
  return values.reduce((sum, value) => sum + value, 0)
}
