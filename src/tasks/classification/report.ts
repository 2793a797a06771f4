/** A classification's report about its answers, label by label. */
import type { QualityReport } from '../../evaluation/contract.ts'
import type { CalibrationFacts } from './answering.ts'
import type { SureReport } from './sure-answers.ts'

/**
 * The quality of a model's answers, each given before its example was learned. Labels and confusion cover the last
 * `window_events` examples with a label; `accuracy` covers all, `accuracy_recent` uses a fading factor.
 */
export interface ClassificationReport {
  /** Examples with a label. */
  readonly events: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly baselines: { readonly majority: Baseline; readonly last_label: Baseline }
  readonly window_events: number
  readonly calibration: CalibrationFacts & {
    /** Bins of equal width over the served scores, from 0 to 1. */
    readonly bins: readonly {
      readonly count: number
      readonly score: number
      readonly accuracy: number
    }[]
  }
  /** Absent if no answer says that it is unsure. */
  readonly sure?: SureReport
  /** Most examples first, at most 32. */
  readonly labels: readonly LabelQuality[]
  /** All that are not named. */
  readonly other_labels: {
    readonly labels: number
    readonly support: number
    readonly correct: number
  }
  /** The mean over labels of how far each has fallen from its best; absent until one has enough examples. */
  readonly forgetting?: number
  /** Rows: right label; columns: answer; the last of each: all other labels. */
  readonly confusion: {
    readonly labels: readonly string[]
    readonly counts: readonly (readonly number[])[]
  }
}

/** The report together with the fields of every task's report. */
export type LabelledReport = ClassificationReport &
  Pick<QualityReport, 'accuracy_recent_by_source' | 'sources'>

/** Null where there is nothing to divide by. */
export interface LabelQuality {
  readonly label: string
  readonly support: number
  readonly predicted: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
  /** Over about its last hundred examples; absent, like the next two, until there are enough. */
  readonly recall_recent?: number
  /** A lower bound of its best value since the model was created. */
  readonly recall_best?: number
  /** The difference, 0 or more. */
  readonly forgetting?: number
}

export interface Baseline {
  /** Its present answer. */
  readonly label: string | null
  readonly accuracy: number
  readonly accuracy_recent: number
}
