/**
 * Measures how far an update has taken the texts of a model from those of its base. Few rows, counted, so that they are the same after a
 * crash and on any machine.
 */
import { gateRows } from '../../evaluation/gate-rows.ts'
import { drive } from '../drive.ts'
import type { Compared, GateParts } from './gate-facts.ts'

const MOST_ROWS = 32

export async function measureKl(
  { block }: Pick<Compared, 'block'>,
  { loop, state, latents }: GateParts,
  signal: AbortSignal,
): Promise<void> {
  if (loop.task.texts === undefined) return
  const { learner, heldOut } = state
  const { from, rows } = gateRows(heldOut.rows, learner.remembered, block)
  const some = (from === 'none' ? block : rows).filter(({ target }) => loop.task.isTest(target))
  const chosen = some.slice(0, MOST_ROWS)
  await drive(learner.measureKl(chosen, from === 'none' ? 'new' : from), latents, signal)
  state.learnerStateChanged()
}
