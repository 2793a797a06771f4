/**
 * Quality beyond a single number: the task's own measures, and each source separately. Prequential like the scoreboard,
 * which contains it; everything it stores is bounded.
 */
import type { Json } from '../contracts/core.ts'
import type { Example, Score, Task, TaskQuality } from '../contracts/task.ts'
import type { QualityReport } from './contract.ts'
import { ratio } from './running-accuracy.ts'
import { SourceScores, type SourcesState } from './source-scores.ts'

export interface QualityLimits {
  /** Rows of the task's own tables in a report. */
  readonly rows: number
  /** Sources of events with a row of their own. */
  readonly sources: number
}

export const defaultQualityLimits: QualityLimits = { rows: 32, sources: 32 }

export interface QualityState {
  readonly [key: string]: Json | SourcesState
  readonly sources: SourcesState
}

export class Quality {
  readonly #sources: SourceScores
  readonly #ofTask: TaskQuality

  constructor(task: Pick<Task, 'openQuality'>, limits: QualityLimits) {
    this.#sources = new SourceScores(limits.sources)
    this.#ofTask = task.openQuality(limits.rows)
  }

  observe(score: Score, { source, target }: Pick<Example, 'source' | 'target'>): void {
    this.#sources.observe(source, 1 - score.error)
    this.#ofTask.observe(score, target)
  }

  report(): QualityReport {
    const sources = this.#sources.report()
    const recent = sources.reduce((sum, { accuracy_recent }) => sum + accuracy_recent, 0)
    return {
      ...this.#ofTask.report(),
      accuracy_recent_by_source: ratio(recent, sources.length),
      sources,
    }
  }

  snapshot(): QualityState {
    return { ...this.#ofTask.snapshot(), sources: this.#sources.snapshot() }
  }

  restore({ sources, ...ofTask }: QualityState): void {
    this.#sources.restore(sources)
    this.#ofTask.restore(ofTask)
  }
}
