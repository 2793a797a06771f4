/** Goes back to an earlier version without being asked: for the rollback policy, a trial, or a line of bad candidates. */
import { afterRollback } from '../routing/commands.ts'
import { putAside } from '../lineage/put-aside.ts'
import { restoreVersion } from '../lineage/restore-version.ts'
import type { PublishedVersion } from './candidate.ts'
import type { UpdaterParts } from './parts.ts'
import { keepWantedLatents } from './wanted-latents.ts'

/**
 * The test of a block shows that the live version is bad, or a trial that the version on trial is: neither the block
 * nor what the version learned is learned again unless a person asks (law 11). Events after this place of the stream
 * are learned: the policy tests them too, and in a backlog no person would be there to ask.
 *
 * A version that has learned what a request under way forgets is no way back: the learner goes to the one that the request
 * releases.
 *
 * To continue is to learn it all again in its order. That is done once for a version: where it ends at the same version
 * again, what came after it is set aside, because it would end there each time.
 */
export async function goBack(
  wanted: string,
  reason: string,
  parts: UpdaterParts,
  signal: AbortSignal,
): Promise<void> {
  const { state, pointer, loop } = parts
  const version = state.forgetting.untainted(wanted)
  const before = state.learner.remembered
  const isKnown = await restoreVersion(version, parts, signal, { undoes: true })
  state.trials.drop()
  const { task, log, clock } = loop
  const timeMs = clock.nowMs()
  const then = afterRollback({}, loop.afterRollback)
  const isRelearned = then === 'continue' && !state.log.wentBackTo(version)
  const followed = { task, log, before, isUnknown: !isKnown, to: version, reason, timeMs }
  putAside(state, { ...followed, isRelearned })
  if (then === 'hold') state.progress.pause(true)
  keepWantedLatents(parts)
  log.warn({ to: version, reason, set_aside: state.setAside.size }, 'rolling back')
  const place = state.progress.accepted
  state.progress.cut(undefined)
  state.progress.intend([{ version, by: 'policy', reason, asks: { place } }])
  await state.save(signal)
  await pointer.carryOut(signal)
}

/**
 * Where to go back and why, if the line has gone bad: each candidate comes from the weights of the last one. If an earlier
 * version is shown to be better than the candidates, the live version may be bad too, because each fell only a little.
 */
export function wayBack(
  { verdict, isHarmful, reason, better }: PublishedVersion['decision'],
  { loop, state }: Pick<UpdaterParts, 'loop' | 'state'>,
): { readonly version: string; readonly reason: string } | undefined {
  const { restoreAfterHolds: limit = 0 } = loop.comparison ?? {}
  const holds = state.progress.held(verdict === 'hold' && isHarmful === true)
  const { live } = state.progress.state
  if (limit === 0 || holds < limit || live === null) return undefined
  const isKept = better !== undefined && state.checkpoint.hasSnapshot(better)
  const version = isKept ? better : live.version
  return { version, reason: `${holds} candidates in a row were held, the last one: ${reason}` }
}
