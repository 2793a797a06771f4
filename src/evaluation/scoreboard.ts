/**
 * How good the learner is, by testing each example before learning from it (prequential evaluation), so that every
 * example of the stream is a fair test and none has to be set aside.
 */
import type { Stateful, Json } from '../contracts/core.ts'
import type { Scores, SliceGap } from '../contracts/release.ts'
import type { Example, Score, TaskFacts } from '../contracts/example.ts'
import type { Task, TaskQuality } from '../contracts/task.ts'
import type { QualityReport, SourceQuality } from './contract.ts'
import type { LossSum } from './loss-gap.ts'
import {
  noSums,
  scoresOf,
  withScore,
  withUnanswered,
  type ScoreSums,
  ratio,
  accuraciesOf,
  merged,
  noMean,
  observed,
  type MeanState,
} from './running-scores.ts'
import { widestGap } from './slice-gap.ts'

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

const defaultQualityLimits: QualityLimits = { rows: 32, sources: 32 }
const SLICE_EXAMPLES = 100
/** Fewer answers of a source make no percentage: one wrong answer of three would weigh as much as a hundred of others. */
const LEAST_JUDGED = 20

interface QualityState {
  readonly [key: string]: Json | SourcesState
  readonly sources: SourcesState
  /** Absent in a checkpoint from before slices were counted. */
  readonly slices?: SourcesState
}

export type ScoredExample = Pick<Example, 'source' | 'target' | 'slice'> &
  Partial<Pick<Example, 'encoded'>>

export interface ScoreboardState extends ScoreSums {
  readonly [key: string]: number | QualityState
  /** Absent in a checkpoint from before it was stored. */
  readonly quality?: QualityState
}

export class Scoreboard implements Stateful<ScoreboardState> {
  readonly #openQuality: () => Quality
  #state: ScoreSums = noSums
  #quality: Quality

  constructor(task: Pick<Task, 'openQuality'>, limits: QualityLimits = defaultQualityLimits) {
    this.#openQuality = () => new Quality(task, limits)
    this.#quality = this.#openQuality()
  }

  observe(score: Score, example: ScoredExample): void {
    this.#quality.observe(score, example)
    this.#state = withScore(this.#state, score)
  }

  /** An example that came while there was nothing to answer with: counted, and no part of any mean. */
  leaveOut(example: Pick<ScoredExample, 'target' | 'encoded'>): void {
    this.#quality.leaveOut(example)
    this.#state = withUnanswered(this.#state)
  }

  /** How many were left out. */
  get unanswered(): number {
    return this.#state.unanswered ?? 0
  }

  scores(): Scores {
    return scoresOf(this.#state)
  }

  /** The sum of all losses so far. */
  get losses(): LossSum {
    return { sum: this.#state.lossSum, count: this.#state.lossCount }
  }

  get quality(): Quality {
    return this.#quality
  }

  snapshot(): ScoreboardState {
    return { ...this.#state, quality: this.#quality.snapshot() }
  }

  restore({ quality, ...sums }: ScoreboardState): void {
    this.#state = sums
    this.#quality = this.#openQuality()
    if (quality !== undefined) this.#quality.restore(quality)
  }
}

/**
 * Quality beyond a single number: the task's own measures, and each source and each slice separately. Everything it stores is
 * bounded.
 */
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

  observe(score: Score, { source, target, slice, encoded }: ScoredExample): void {
    this.#sources.observe(source, 1 - score.error)
    if (slice !== undefined) this.#slices.observe(slice, 1 - score.error)
    this.#ofTask.observe(score, target, encoded)
  }

  leaveOut({ target, encoded }: Pick<ScoredExample, 'target' | 'encoded'>): void {
    this.#ofTask.leaveOut?.(target, encoded)
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

/** Examples of other sources after which a silent one may lose its row. */
const SILENT = 5000
const OTHER = 'other'

interface Row {
  readonly state: MeanState
  /** The count of all examples at its last one. */
  readonly last: number
}

interface SourcesState {
  readonly [key: string]: number | MeanState | readonly (readonly [string, MeanState, number])[]
  readonly total: number
  readonly other: MeanState
  readonly rows: readonly (readonly [source: string, state: MeanState, last: number])[]
}

const noSources: SourcesState = { total: 0, other: noMean, rows: [] }

/**
 * Quality per event source, and per slice of the population. One source with most of the stream dominates the plain accuracy; the
 * mean over sources, with equal weights, shows the quality for the others. At most `limit` have their own row. A new one replaces
 * one that has been silent for long; otherwise it is counted in `other`.
 */
class SourceScores {
  readonly #limit: number
  #rows = new Map<string, Row>()
  #other = noMean
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  observe(source: string, right: number): void {
    this.#total += 1
    const row = this.#rows.get(source)
    if (row === undefined && !this.#hasRoom()) {
      this.#other = observed(this.#other, right)
      return
    }
    const state = observed(row?.state ?? noMean, right)
    this.#rows.set(source, { state, last: this.#total })
  }

  /** Those with the most recent examples first. */
  report(): readonly SourceQuality[] {
    const rows = [...this.#rows].map(([source, { state }]) => rowOf(source, state))
    rows.sort((a, b) => b.count - a.count || (a.source < b.source ? -1 : 1))
    return this.#other[0] === 0 ? rows : [...rows, rowOf(OTHER, this.#other)]
  }

  /** The sources that have a row, in the order of `report`. */
  states(): readonly (readonly [source: string, state: MeanState])[] {
    return this.report().flatMap(({ source }) => {
      const row = this.#rows.get(source)
      return row === undefined ? [] : [[source, row.state] as const]
    })
  }

  snapshot(): SourcesState {
    const rows = [...this.#rows].map(([source, { state, last }]) => [source, state, last] as const)
    return { total: this.#total, other: this.#other, rows }
  }

  restore({ total, other, rows }: SourcesState): void {
    this.#total = total
    this.#other = other
    this.#rows = new Map(rows.map(([source, state, last]) => [source, { state, last }]))
  }

  /** Makes room where a source has been silent for long. */
  #hasRoom(): boolean {
    if (this.#rows.size < this.#limit) return true
    const [oldest] = [...this.#rows].sort(([, a], [, b]) => a.last - b.last)
    if (oldest === undefined || this.#total - oldest[1].last <= SILENT) return false
    this.#rows.delete(oldest[0])
    this.#other = merged(this.#other, oldest[1].state)
    return true
  }
}

function rowOf(source: string, state: MeanState): SourceQuality {
  return { source, count: state[0], ...accuraciesOf(state) }
}
