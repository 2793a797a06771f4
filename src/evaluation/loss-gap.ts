/**
 * Overfitting made visible: how much lower the loss is on rows that the last updates trained on than on rows that no
 * update has learned. A gap that stays for many updates means that the model memorises its examples.
 *
 *   gap = held / unseen − trained / learned      with  S ← φ·S + Σ losses,  N ← φ·N + rows   after each update, φ = 0.9
 *
 * Few rows are scored in each update, so single updates say little; the fading means say more. The rows trained on are those that
 * it replays: before its step, which goes forward over them anyway, or where that does not show them, after it. Rows that no update
 * has learned are the held-out ones. Where nothing is held out, the examples of each block before they were learned
 * stand in for them: that loss is also high where the stream changes.
 */
import type { Json, Stateful } from '../contracts/core.ts'
import type { LossGapReport } from '../contracts/release.ts'

export interface LossGapLimits {
  /** In the unit of the task's loss. */
  readonly gap: number
  /** Updates in a row with a larger gap, before there is a warning. */
  readonly updates: number
}

/** Σ of the losses and their number. */
export interface LossSum {
  readonly sum: number
  readonly count: number
}

export interface SeenLosses {
  readonly trained: LossSum
  /** Absent if nothing is held out. */
  readonly heldOut?: LossSum
  /** The loss over the whole stream so far, each example tested before it was learned. */
  readonly prequential: LossSum
}

type Origin = LossGapReport['from']
type Sums = readonly [sum: number, count: number]

export interface LossGapState {
  readonly [field: string]: Json
  readonly from: Origin
  readonly trained: Sums
  readonly unseen: Sums
  /** Sums over the whole stream at the last update. */
  readonly stream: Sums
  readonly updates: number
}

const FADING = 0.9

export class LossGap implements Stateful<LossGapState | null> {
  readonly #limits: LossGapLimits
  #state: LossGapState | null = null

  constructor(limits: LossGapLimits) {
    this.#limits = limits
  }

  /** Once after each update. */
  observe({ trained, heldOut, prequential }: SeenLosses): void {
    const from = heldOut === undefined ? 'prequential' : 'held-out'
    const stream = [prequential.sum, prequential.count] as const
    const before = this.#state?.from === from ? this.#state : undefined
    // The stream before the first observation is unknown.
    const block = before
      ? { sum: stream[0] - before.stream[0], count: stream[1] - before.stream[1] }
      : { sum: 0, count: 0 }
    const sums = {
      trained: faded(before?.trained, trained),
      unseen: faded(before?.unseen, heldOut ?? block),
    }
    const updates = gapOf(sums) > this.#limits.gap ? (before?.updates ?? 0) + 1 : 0
    this.#state = { from, ...sums, stream, updates }
  }

  /** Undefined until both kinds of rows were scored. */
  get report(): LossGapReport | undefined {
    if (this.#state === null) return undefined
    const { from, trained, unseen, updates } = this.#state
    if (trained[1] === 0 || unseen[1] === 0) return undefined
    const gap = gapOf(this.#state)
    const facts = { trained: mean(trained), unseen: mean(unseen), gap, from, updates }
    const isLong = updates >= this.#limits.updates
    return isLong ? { ...facts, warning: warningOf(facts) } : facts
  }

  snapshot(): LossGapState | null {
    return this.#state
  }

  restore(state: LossGapState | null): void {
    this.#state = state
  }
}

function faded([sum, count]: Sums = [0, 0], { sum: more, count: rows }: LossSum): Sums {
  return [FADING * sum + more, FADING * count + rows]
}

function gapOf({ trained, unseen }: Pick<LossGapState, 'trained' | 'unseen'>): number {
  return trained[1] === 0 || unseen[1] === 0 ? 0 : mean(unseen) - mean(trained)
}

function mean([sum, count]: Sums): number {
  return sum / count
}

const FIX =
  'make fewer passes (train.epochs), replay more (train.replay_batch), or use a regularizer'

function warningOf({ gap, from, updates }: Omit<LossGapReport, 'warning'>): string {
  const above = `${gap.toFixed(2)} above that of replayed rows, for ${updates} updates`
  if (from === 'held-out') return `overfitting: the loss of held-out rows is ${above}; ${FIX}`
  const unsure = 'this is overfitting or a stream that changes: evaluation.held_out shows which'
  return `the loss of new examples before they are learned is ${above}; ${unsure}; if it is overfitting, ${FIX}`
}
