/** Which examples keep their latents from one update to the next. */
import { outliersIn } from '../admission/quarantine.ts'
import type { UpdaterParts } from './parts.ts'

/** After an update, drops the latents of all examples but those that later ones replay, compare or judge. */
export function keepWantedLatents({
  loop,
  state,
  latents,
}: Pick<UpdaterParts, 'loop' | 'state' | 'latents'>): void {
  const golden = (loop.comparison?.golden ?? []).map(({ example }) => example)
  const outliers = outliersIn(state).map(({ example }) => example)
  const { remembered } = state.learner
  latents.keepOnly([...remembered, ...state.heldOut.rows, ...golden, ...outliers])
}
