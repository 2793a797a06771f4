/** What a classification reports of its answers, label by label. */
import type { QualityReport } from '../../evaluation/contract.ts'

/**
 * How good the answers of a model are, each given before its example was learned. Labels and confusion are of the last
 * `window_events` examples with a label; `accuracy` counts all, `accuracy_recent` with a fading factor.
 */
export interface ClassificationReport {
  /** Examples with a label. */
  readonly events: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly baselines: { readonly majority: Baseline; readonly last_label: Baseline }
  readonly window_events: number
  readonly calibration: {
    readonly ece: number
    /** From score 0 to 1, of equal width. */
    readonly bins: readonly {
      readonly count: number
      readonly score: number
      readonly accuracy: number
    }[]
  }
  /** Most examples first, at most `limits.quality_labels`. */
  readonly labels: readonly LabelQuality[]
  /** All that are not named. */
  readonly other_labels: {
    readonly labels: number
    readonly support: number
    readonly correct: number
  }
  /** Rows: what was right; columns: what was answered; the last of each: every other label. */
  readonly confusion: {
    readonly labels: readonly string[]
    readonly counts: readonly (readonly number[])[]
  }
}

/** With what every task's report has. */
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
}

export interface Baseline {
  /** What it would answer now. */
  readonly label: string | null
  readonly accuracy: number
  readonly accuracy_recent: number
}
