/**
 * The shadow's answers, computed after the real answer was sent. A served prediction is recorded once, together
 * with the shadow's answer: what a trainer finds under its id never changes, so a crash changes no decision (law 2).
 *
 * The queue is bounded and works on a few rows at a time, while no request waits for the engine. A prediction that does
 * not fit, or takes too long when feedback arrives, is recorded without the shadow's answer and counted.
 */
import { settles, type Clock, type Logger } from '../../contracts/core.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Batcher } from '../engine/batcher.ts'
import type { HeldAdapter } from './adapter-cache.ts'
import { logitsOf, type Predictor } from './predict.ts'

export interface ShadowQueueOptions extends Pick<Predictor, 'model' | 'task' | 'predictions'> {
  readonly batcher: Pick<Batcher, 'run' | 'waiting'>
  /** The most rows that wait. */
  readonly shadowRows: number
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'count' | 'gauge'>
  readonly log: Logger
}

/** An answered request. */
export interface ShadowJob {
  /** Released when the job is done. */
  readonly adapter: HeldAdapter
  readonly rows: readonly EncodedRow[]
  readonly served: readonly ServedPrediction[]
}

type Drop = 'full' | 'late' | 'failed'

/** In one run of the engine: a request that comes meanwhile waits at most for these. */
const ROWS_AT_ONCE = 8
const LOOK_MS = 2
/** How long feedback waits for the shadow's answers to the predictions it may name. */
const PATIENCE_MS = 250

export class ShadowQueue {
  readonly #options: ShadowQueueOptions
  #jobs: ShadowJob[] = []
  #rows = 0
  #offered = 0
  #done = 0
  #isClosed = false
  #working: Promise<void> | undefined
  /** Called after each job. */
  #onProgress: (() => void)[] = []

  constructor(options: ShadowQueueOptions) {
    this.#options = options
  }

  /** Records the predictions, now or soon. Never waits. */
  offer(job: ShadowJob): void {
    this.#offered += 1
    if (this.#isClosed || this.#rows + job.rows.length > this.#options.shadowRows) {
      this.#giveUp(job, 'full')
      return
    }
    this.#jobs.push(job)
    this.#count(job.rows.length)
    this.#working ??= this.#work()
  }

  /** Resolves when everything that was offered before is recorded. */
  async settled(): Promise<void> {
    const upTo = this.#offered
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + PATIENCE_MS
    while (this.#done < upTo) {
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) this.#dropWaiting('late')
      const progress = new Promise<void>((resolve) => this.#onProgress.push(resolve))
      if (this.#done >= upTo) return
      await settles(progress, Math.max(leftMs, LOOK_MS), clock)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#dropWaiting('late')
    await this.#working
  }

  async #work(): Promise<void> {
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      try {
        await this.#untilCalm()
        // It may have been dropped meanwhile.
        if (this.#jobs[0] !== job) continue
        this.#take()
        await this.#compute(job)
      } catch (err) {
        const { model, log } = this.#options
        log.warn({ model, version: job.adapter.manifest.version, err }, 'a shadow did not answer')
        this.#giveUp(job, 'failed')
      }
    }
    this.#working = undefined
  }

  /** Requests first. */
  async #untilCalm(): Promise<void> {
    const { batcher, model, clock } = this.#options
    while (batcher.waiting(model) > 0 && this.#jobs.length > 0) await clock.sleep(LOOK_MS)
  }

  async #compute(job: ShadowJob): Promise<void> {
    const { model, task, metrics } = this.#options
    const { adapter, rows, served } = job
    const { manifest } = adapter
    const answers: string[] = []
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      const part = rows.slice(from, from + ROWS_AT_ONCE)
      const logits = await logitsOf(this.#options, manifest, part)
      for (const [at, row] of part.entries()) {
        const outputs = logits[at] ?? new Float32Array()
        const { input } = served[from + at] ?? {}
        const answer = task.decode(outputs, { facts: manifest.facts, row, input })
        answers.push(task.view.served(answer).text)
      }
    }
    const same = served.filter(({ answer }, at) => answer === answers[at]).length
    metrics.count('shadowAnswers', { model, agrees: 'yes' }, same)
    metrics.count('shadowAnswers', { model, agrees: 'no' }, served.length - same)
    const { version } = manifest
    this.#finish(
      job,
      served.map((each, at) => ({ ...each, shadow: { version, answer: answers[at] ?? '' } })),
    )
  }

  #take(): void {
    const job = this.#jobs.shift()
    this.#count(-(job?.rows.length ?? 0))
  }

  #count(rows: number): void {
    const { metrics, model } = this.#options
    this.#rows += rows
    metrics.gauge('shadowQueue', { model }, this.#rows)
  }

  #dropWaiting(why: Drop): void {
    for (const job of this.#jobs.splice(0)) {
      this.#count(-job.rows.length)
      this.#giveUp(job, why)
    }
  }

  #giveUp(job: ShadowJob, reason: Drop): void {
    const { metrics, model } = this.#options
    metrics.count('shadowDropped', { model, reason }, job.rows.length)
    this.#finish(job, job.served)
  }

  #finish({ adapter }: ShadowJob, served: readonly ServedPrediction[]): void {
    this.#options.predictions.record(served)
    adapter.release()
    this.#done += 1
    const waiting = this.#onProgress
    this.#onProgress = []
    for (const resolve of waiting) resolve()
  }
}
