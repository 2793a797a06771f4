/** How good the answers of a model are, as reported to people. */

/**
 * How good the answers of a model are, each given before its example was learned. Labels and confusion are of the last
 * `window_events` examples with a label; `accuracy` counts all, `accuracy_recent` with a fading factor.
 */
export interface QualityReport {
  /** Examples with a label. */
  readonly events: number
  readonly accuracy: number
  readonly accuracy_recent: number
  /** The mean over sources, in which each weighs the same. */
  readonly accuracy_recent_by_source: number
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
  /** At most `limits.quality_sources`, and `other` for the rest. */
  readonly sources: readonly SourceQuality[]
}

/** Null where there is nothing to divide by. */
export interface LabelQuality {
  readonly label: string
  readonly support: number
  readonly predicted: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
}

export interface SourceQuality {
  readonly source: string
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

export interface Baseline {
  /** What it would answer now. */
  readonly label: string | null
  readonly accuracy: number
  readonly accuracy_recent: number
}
