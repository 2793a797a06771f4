/**
 * Progress through a backlog: the log reports every ten seconds how fast it is read and when it will be done, while there
 * is one. The rate fades, so that one long update does not look like a standstill.
 */
import type { Clock, Logger } from '../contracts/core.ts'
import type { TrainerStatus } from './contract.ts'

export interface BacklogProgressParts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Logger
}

interface Mark {
  readonly consumed: number
  readonly atMs: number
}

/** Fewer records than this are no backlog. */
const BACKLOG = 1_000
const measureMs = 1_000
const sayMs = 10_000
/** The share of the newest second in the rate. */
const FRESH = 0.2

export class BacklogProgress {
  readonly #parts: BacklogProgressParts
  #mark: Mark | undefined
  #rate: number | undefined
  #saidMs: number | undefined
  #shown: TrainerStatus['progress']

  constructor(parts: BacklogProgressParts) {
    this.#parts = parts
  }

  /** Undefined without a backlog, and in its first second. `etaSeconds`: until it is read, if no more events arrive. */
  get shown(): TrainerStatus['progress'] {
    return this.#shown
  }

  /** `consumed` records since the trainer began, `lag` records to read. Call it often. */
  look(consumed: number, lag: number): void {
    if (lag < BACKLOG) {
      this.#end()
      return
    }
    const nowMs = this.#parts.clock.monotonicMs()
    this.#mark ??= { consumed, atMs: nowMs }
    this.#saidMs ??= nowMs
    if (nowMs - this.#mark.atMs >= measureMs) this.#measure(this.#mark, { consumed, atMs: nowMs })
    this.#show(lag)
    if (nowMs - this.#saidMs >= sayMs) this.#say(lag, nowMs)
  }

  #measure(before: Mark, now: Mark): void {
    const rate = (1000 * (now.consumed - before.consumed)) / (now.atMs - before.atMs)
    this.#rate = this.#rate === undefined ? rate : this.#rate + FRESH * (rate - this.#rate)
    this.#mark = now
  }

  #show(lag: number): void {
    if (this.#rate === undefined || this.#rate <= 0) return
    this.#shown = { ratePerSecond: this.#rate, etaSeconds: lag / this.#rate }
  }

  #say(lag: number, nowMs: number): void {
    this.#saidMs = nowMs
    if (this.#shown === undefined) return
    const { ratePerSecond, etaSeconds } = this.#shown
    const details = { lag, rate: Math.round(ratePerSecond), eta_seconds: Math.ceil(etaSeconds) }
    this.#parts.log.info(details, 'reading a backlog')
  }

  #end(): void {
    this.#mark = undefined
    this.#rate = undefined
    this.#saidMs = undefined
    this.#shown = undefined
  }
}
