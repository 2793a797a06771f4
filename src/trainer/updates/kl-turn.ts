/**
 * Measures how far an update has taken the texts of a model from those of its base. Few rows, counted, so that they are the same after a
 * crash and on any machine.
 */
import type { KlReport } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import { gateRows } from '../../evaluation/gate-rows.ts'
import { drive } from '../drive.ts'
import type { Compared, GateParts } from './gate-answers.ts'

const [FEWEST_ROWS, MOST_ROWS] = [4, 32]

/** The share of the rows that evaluating a candidate may cost. */
const SHARE_OF_ROWS = 1 / 2

/** The outputs of the base are computed beside its own. */
export const KL_ROW_COST = 2

export interface KlTurn {
  readonly rows: readonly Example[]
  readonly from: KlReport['from']
}

/** Undefined if the task does not answer with texts. */
export function klRows(
  { block }: Pick<Compared, 'block'>,
  budget: number,
  { loop, state }: GateParts,
): KlTurn | undefined {
  if (loop.task.texts === undefined) return undefined
  const { learner, heldOut } = state
  const { from, rows } = gateRows(heldOut.rows, learner.remembered, block)
  const some = (from === 'none' ? block : rows).filter(({ target }) => loop.task.isTest(target))
  const affordable = Math.floor((SHARE_OF_ROWS * budget) / KL_ROW_COST)
  const count = Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, affordable))
  return { rows: some.slice(0, count), from: from === 'none' ? 'new' : from }
}

export async function measureKl(
  { rows, from }: KlTurn,
  { state, latents }: GateParts,
  signal: AbortSignal,
): Promise<void> {
  await drive(state.learner.measureKl(rows, from), latents, signal)
  state.learnerStateChanged()
}
