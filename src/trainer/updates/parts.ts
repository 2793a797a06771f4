/** What an update, and everything that may follow from it, works with. */
import type { RestoreVersion } from '../lineage/restore-version.ts'
import type { Pointer } from '../routing/pointer.ts'
import type { LatentProvider } from '../sources/latents.ts'
import { outliersIn } from '../admission/quarantine.ts'
import type { UpdateClock, ComputeMeter } from './meters.ts'

export interface UpdaterParts extends RestoreVersion {
  readonly latents: LatentProvider
  readonly pointer: Pointer
  readonly times: UpdateClock
  readonly meter: ComputeMeter
}

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
