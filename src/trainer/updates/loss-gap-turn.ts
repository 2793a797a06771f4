/** The gap between the losses of rows that an update has trained on and of rows that none has: which rows, and what it says. */
import type { Example, Score } from '../../contracts/example.ts'
import type { LossSum } from '../../evaluation/loss-gap.ts'
import { noSums, withScore } from '../../evaluation/running-scores.ts'
import type { GateComparison, GateParts } from './gate-answers.ts'

/** For each of the two kinds, this share of the rows that evaluating a candidate may cost. */
const SHARE_OF_ROWS = 1 / 8
const MOST_ROWS = 16

export interface GapTurn {
  /** Empty if the update's own step has shown the loss of the rows that it replayed. */
  readonly trained: readonly Example[]
  /** Empty if nothing is held out. */
  readonly unseen: readonly Example[]
}

/** Undefined if it is not measured. */
export function gapTurn(
  { block }: Pick<GateComparison, 'block'>,
  budget: number,
  { loop, state }: GateParts,
): GapTurn | undefined {
  if (loop.lossGap === undefined) return undefined
  const { learner, heldOut, progress } = state
  const count = Math.min(MOST_ROWS, Math.max(1, Math.floor(SHARE_OF_ROWS * budget)))
  return {
    trained: learner.replayedLoss === undefined ? learner.trainedOn(block, count) : [],
    unseen: nextOf(heldOut.rows, count, progress.state.next),
  }
}

export function observeGap(
  scores: { readonly trained: readonly Score[]; readonly unseen: readonly Score[] },
  { loop, state }: GateParts,
): void {
  const { learner } = state
  const isNew = learner.lossGap?.warning === undefined
  learner.observeLosses({
    trained: learner.replayedLoss ?? lossOf(scores.trained),
    ...(scores.unseen.length > 0 && { heldOut: lossOf(scores.unseen) }),
  })
  state.learnerStateChanged()
  const { warning, from } = learner.lossGap ?? {}
  if (!isNew || warning === undefined) return
  // New examples of a stream that changes look the same as overfitting: only held-out rows tell them apart.
  const level = from === 'held-out' ? 'warn' : 'info'
  loop.log[level]({ ...learner.lossGap }, warning)
}

function lossOf(scores: readonly Score[]): LossSum {
  const { lossSum, lossCount } = scores.reduce(withScore, noSums)
  return { sum: lossSum, count: lossCount }
}

/** Each update scores the next ones, so that all have their turn. */
function nextOf(rows: readonly Example[], count: number, turn: number): readonly Example[] {
  if (rows.length === 0) return []
  const start = (turn * count) % rows.length
  return [...rows.slice(start), ...rows.slice(0, start)].slice(0, count)
}
