/** How good the answers of a model are, as reported to people. */
import type { Json } from '../contracts/core.ts'
import type { SliceGap, Scores } from '../contracts/release.ts'
import type { HeadlineValue, ScoreName, TaskView } from '../contracts/task-view.ts'

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

export interface SourceQuality {
  readonly source: string
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

interface SliceQuality extends Omit<SourceQuality, 'source'> {
  readonly slice: string
}

/** Which sources the defence trusts. */
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

/** The headline of a model, from its scores and the report of its task. */
export interface HeadlineReport {
  readonly name: string
  readonly meaning: string
  /** Higher: a share between 0 and 1. Lower: an error or a loss. */
  readonly better: 'higher' | 'lower'
  /** Null before anything was scored. */
  readonly recent: number | null
  readonly all: number | null
  readonly baseline?: { readonly name: string; readonly recent: number }
}

export function headlineOf(
  { headline, score }: Pick<TaskView<never>, 'headline' | 'score'>,
  { count, accuracy: all, accuracy_recent: recent }: Scores,
  report: object | undefined,
): HeadlineReport {
  const { measure, baseline } = headline ?? {}
  const { name, meaning } = measure ?? score
  const judged = count > 0 ? report : undefined
  const own = count > 0 ? { recent, all } : undefined
  const values = measure === undefined ? own : judged && measure.values(judged)
  const beside = judged && baseline?.recent(judged)
  return {
    ...{ name, meaning, better: measure === undefined ? 'higher' : (measure.better ?? 'lower') },
    ...(values ?? { recent: null, all: null }),
    ...(baseline && beside !== undefined && { baseline: { name: baseline.name, recent: beside } }),
  }
}

/** Undefined before anything was scored. */
export function headlineValue(
  { name, recent }: HeadlineReport,
  score: ScoreName,
): HeadlineValue | undefined {
  if (recent === null) return undefined
  return { value: recent, ...(name !== score.name && { name }) }
}
