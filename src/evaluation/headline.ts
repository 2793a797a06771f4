/** The headline of a model, from its scores and the report of its task. */
import type { Scores } from '../contracts/release.ts'
import type { HeadlineValue, TaskView } from '../contracts/task-view.ts'

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
    ...{ name, meaning, better: measure === undefined ? 'higher' : 'lower' },
    ...(values ?? { recent: null, all: null }),
    ...(baseline && beside !== undefined && { baseline: { name: baseline.name, recent: beside } }),
  }
}

/** Undefined before anything was scored. */
export function headlineValue({ name, better, recent }: HeadlineReport): HeadlineValue | undefined {
  if (recent === null) return undefined
  return { value: recent, ...(better === 'lower' && { name }) }
}
