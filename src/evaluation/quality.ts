/**
 * Quality beyond a single number: the task's own measures, and each source and each slice separately. Prequential like the scoreboard,
 * which contains it; everything it stores is bounded.
 */
import type { Json } from '../contracts/core.ts'
import type { SliceGap } from '../contracts/release.ts'
import type { Example, Score, TaskFacts } from '../contracts/example.ts'
import type { Task, TaskQuality } from '../contracts/task.ts'
import type { QualityReport } from './contract.ts'
import { ratio } from './running-accuracy.ts'
import { widestGap } from './slice-gap.ts'
import { noSources, SourceScores, type SourcesState } from './source-scores.ts'

export interface QualityLimits {
  /** Rows of the task's own tables in a report. */
  readonly rows: number
  /** Sources of events with a row of their own. */
  readonly sources: number
  /** The same for slices; absent = as for sources. */
  readonly slices?: number
  /** Examples of a slice before it is compared with others; absent = 100. */
  readonly sliceExamples?: number
}

export const defaultQualityLimits: QualityLimits = { rows: 32, sources: 32 }
const SLICE_EXAMPLES = 100
/** Fewer answers of a source make no percentage: one wrong answer of three would weigh as much as a hundred of others. */
const LEAST_JUDGED = 20

export interface QualityState {
  readonly [key: string]: Json | SourcesState
  readonly sources: SourcesState
  /** Absent in a checkpoint from before slices were counted. */
  readonly slices?: SourcesState
}

export class Quality {
  readonly #sources: SourceScores
  readonly #slices: SourceScores
  readonly #sliceExamples: number
  readonly #ofTask: TaskQuality

  constructor(task: Pick<Task, 'openQuality'>, limits: QualityLimits) {
    this.#sources = new SourceScores(limits.sources)
    this.#slices = new SourceScores(limits.slices ?? limits.sources)
    this.#sliceExamples = limits.sliceExamples ?? SLICE_EXAMPLES
    this.#ofTask = task.openQuality(limits.rows)
  }

  observe(
    score: Score,
    { source, target, slice }: Pick<Example, 'source' | 'target' | 'slice'>,
  ): void {
    this.#sources.observe(source, 1 - score.error)
    if (slice !== undefined) this.#slices.observe(slice, 1 - score.error)
    this.#ofTask.observe(score, target)
  }

  leaveOut(target: Example['target']): void {
    this.#ofTask.leaveOut?.(target)
  }

  get sliceGap(): SliceGap | undefined {
    return widestGap(this.#slices.states(), this.#sliceExamples)
  }

  /** Facts for the manifest of a version, which needs them to answer. */
  get facts(): TaskFacts {
    return this.#ofTask.facts?.() ?? {}
  }

  report(): QualityReport {
    const sources = this.#sources.report()
    const slices = this.#slices.report().map(({ source: slice, ...row }) => ({ slice, ...row }))
    const { sliceGap } = this
    const judged = sources.filter(({ count }) => count >= LEAST_JUDGED)
    // Where each source is small, together they still say something.
    const equal = judged.length > 0 ? judged : sources
    const recent = equal.reduce((sum, { accuracy_recent }) => sum + accuracy_recent, 0)
    return {
      ...this.#ofTask.report(),
      accuracy_recent_by_source: ratio(recent, equal.length),
      sources,
      ...(slices.length > 0 && { slices }),
      ...(sliceGap && { slice_gap: sliceGap }),
    }
  }

  snapshot(): QualityState {
    return {
      ...this.#ofTask.snapshot(),
      sources: this.#sources.snapshot(),
      slices: this.#slices.snapshot(),
    }
  }

  restore({ sources, slices, ...ofTask }: QualityState): void {
    this.#sources.restore(sources)
    this.#slices.restore(slices ?? noSources)
    this.#ofTask.restore(ofTask)
  }
}
