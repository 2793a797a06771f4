/** How good the answers of a model are, as reported to people. */
import type { Json } from '../contracts/core.ts'
import type { SliceGap } from '../contracts/release.ts'

/** The quality of a model's answers, each given before its example was learned. The task adds its own fields. */
export interface QualityReport {
  readonly [ofTask: string]:
    Json | readonly SourceQuality[] | readonly SliceQuality[] | SliceGap | undefined
  /** The mean over sources with at least 20 examples, in which each weighs the same; over all where none has that many. */
  readonly accuracy_recent_by_source: number
  /** At most 32, and `other` for the rest. */
  readonly sources: readonly SourceQuality[]
  /** At most 32, and `other` for the rest; absent if no event names one. */
  readonly slices?: readonly SliceQuality[]
  /** Absent if fewer than two slices have enough examples. */
  readonly slice_gap?: SliceGap
}

export interface SliceQuality {
  readonly slice: string
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

export interface SourceQuality {
  readonly source: string
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

/** Whom the defence believes. */
export interface DefenceReport {
  readonly keptBack: Readonly<Record<string, number>>
  /** Sources that weigh less than 1, those that were silent longest first. */
  readonly distrusted: readonly { readonly source: string; readonly trust: number }[]
  /** The trust in sources that have no standing yet, together; absent = 1. */
  readonly newcomers?: number
  /**
   * None is trusted, and either too many voices contradict the rest, or most of what few sources are judged by does: nothing
   * shows which side is right, so accuracy says only how well the model follows one of them.
   */
  readonly majority?: 'untrusted'
}
