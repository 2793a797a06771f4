/** Which versions a model keeps, after each update that published one. */
import type { UpdaterParts } from './parts.ts'

/** Removes the bytes of old versions that nothing may go back to. A failure leaves them for the next time. */
export async function removeOldVersions({
  state,
  loop,
}: Pick<UpdaterParts, 'loop' | 'state'>): Promise<void> {
  const { registry, keepVersions, keep = { last: keepVersions }, log } = loop
  const { parent, live } = state.progress.state
  const known = [parent, live?.version, live?.previous].flatMap((version) => version ?? [])
  const reference = loop.policies.rollback.reference?.()
  const past = state.compared.periods.map(({ last }) => last)
  const wanted = [
    ...known,
    ...past,
    ...state.trials.versions,
    ...(reference === undefined ? [] : [reference]),
  ]
  // A stop waits for it, so that a run ends with the same versions wherever it is stopped (law 2).
  if (loop.leaseTerm?.lease.signal.aborted === true) return
  try {
    const kept = await registry.keep(keep, wanted)
    state.kept = kept
    const { removed } = kept
    if (removed.length > 0) log.debug({ removed }, 'removed the bytes of old versions')
  } catch (err) {
    log.warn({ err }, 'could not remove old versions')
  }
}
