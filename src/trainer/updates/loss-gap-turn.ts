/**
 * Scores rows that the update has trained on and held-out rows, for the gap between their losses. Few rows: it may cost
 * a twentieth of the update, counted in rows, so that they are the same after a crash and on any machine.
 */
import type { Example } from '../../contracts/example.ts'
import { rowBudget } from '../../evaluation/gate-rows.ts'
import { drive } from '../drive.ts'
import type { Compared, GateParts } from './gate-facts.ts'

/** For each of the two kinds, this share of the rows that comparing a candidate may cost. */
const SHARE_OF_ROWS = 1 / 8
const MOST_ROWS = 16

export async function measureLossGap(
  { block, size }: Omit<Compared, 'before'>,
  { loop, state, latents }: GateParts,
  signal: AbortSignal,
): Promise<void> {
  if (loop.lossGap === undefined) return
  const { learner, heldOut, progress } = state
  const budget = Math.floor(SHARE_OF_ROWS * rowBudget(size, loop.comparison?.rowCost))
  const count = Math.min(MOST_ROWS, Math.max(1, budget))
  const trained = learner.trainedOn(block, count)
  const unseen = nextOf(heldOut.rows, count, progress.state.next)
  const losses = {
    trained: await drive(learner.lossOn(trained), latents, signal),
    ...(unseen.length > 0 && { heldOut: await drive(learner.lossOn(unseen), latents, signal) }),
  }
  const isNew = learner.lossGap?.warning === undefined
  learner.observeLosses(losses)
  state.learnerStateChanged()
  const { warning, from } = learner.lossGap ?? {}
  if (!isNew || warning === undefined) return
  // New examples of a stream that changes look the same as overfitting: only held-out rows tell them apart.
  const level = from === 'held-out' ? 'warn' : 'info'
  loop.log[level]({ ...learner.lossGap }, warning)
}

/** Each update scores the next ones, so that all have their turn. */
function nextOf(rows: readonly Example[], count: number, turn: number): readonly Example[] {
  if (rows.length === 0) return []
  const start = (turn * count) % rows.length
  return [...rows.slice(start), ...rows.slice(0, start)].slice(0, count)
}
