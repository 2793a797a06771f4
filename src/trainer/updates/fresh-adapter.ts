/**
 * After a change of method or rank the weights start fresh, and learn from the replay buffer before they answer. Until
 * then the old version answers. All of it derives from the checkpoint, so that after a crash it is repeated byte for
 * byte.
 */
import type { UpdateClock } from './meters.ts'
import { releaseAgain } from './candidate.ts'
import { freshWeights, keepLine, type RestoreVersion } from '../lineage/restore-version.ts'
import { type LatentProvider, drive } from '../sources/latents.ts'
import { isWorse } from '../../evaluation/release-decisions.ts'
import type { SavedState } from '../../checkpoint/saved.ts'
import type { WarmUpResult } from '../../learner/updates/warming.ts'

export interface Beginning extends RestoreVersion {
  readonly latents: LatentProvider
  readonly times: UpdateClock
}

/** Changes the learner; keeps the scores of the previous adapter, with which new examples are compared. */
export function beginAdapter(
  saved: SavedState,
  { loop, state }: Pick<RestoreVersion, 'loop' | 'state'>,
) {
  const { head } = saved.weights
  loop.log.warn(
    { before: saved.identity.adapter, now: state.identity.adapter },
    'the adapter has changed; starting a fresh one',
  )
  const weights = freshWeights({ head, parameters: loop.adapter.freshParameters(head) }, loop)
  const learnerState = { ...saved.learnerState, rate: null, learned: 0, steps: 0, dropped: 0 }
  state.restoreLearner({ weights, learnerState, remembered: saved.remembered })
  // The new method may keep no replay: then nothing else says that the fresh adapter has learned from it.
  if (saved.remembered.length > 0) keepLine(undefined, state)
  state.progress.startedFresh()
}

/** Returns the differences as text; undefined if the buffer has nothing to learn from. */
export async function warmUpAdapter(
  saved: SavedState,
  { loop, state, latents, times }: Beginning,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { learner } = state
  const { remembered } = saved
  if (remembered.length === 0) return undefined
  const { accuracy_recent: before } = learner.scores
  const { method } = loop.adapter.config
  loop.log.info(
    { method, examples: remembered.length, before },
    'the fresh adapter learns from replay',
  )
  const warmed = await loop.trainingMutex.take(() =>
    drive(times.reported(learner.warmUp(remembered), learner.updates), latents, signal),
  )
  times.rested()
  state.learnerChanged()
  latents.keepOnly(learner.remembered)
  const { accuracy, heldOut } = warmed
  const isHeld = accuracy !== undefined && isWorse(accuracy, heldOut, before)
  state.progress.setBar(isHeld ? { accuracy: before, since: learner.scores.count } : undefined)
  const reason = `${reasonOf(method, warmed, before)}${isHeld ? '; held until it is no worse' : ''}`
  if (isHeld) loop.log.warn({ ...warmed, before }, reason)
  else loop.log.info({ ...warmed, before }, reason)
  return reason
}

/** Goes live by a move in the checkpoint, unless a person holds the live version or the new one is worse. */
export async function publishFresh(
  reason: string,
  parts: Beginning,
  signal: AbortSignal,
): Promise<void> {
  const { progress } = parts.state
  progress.respects(parts.loop.task.retired)
  const isHeld = progress.bar !== undefined
  await releaseAgain(reason, parts, signal, { isHeld, isSilent: progress.isPaused || isHeld })
}

function reasonOf(method: string, warmed: WarmUpResult, before: number): string {
  const { learned, passes, heldOut, accuracy } = warmed
  const taught = `a fresh adapter (${method}) that learned ${learned} examples of replay in ${passes} passes`
  if (accuracy === undefined) return `${taught}; too few were left to test it on`
  const scores = `${accuracy.toFixed(3)} on ${heldOut} held-out examples, ${before.toFixed(3)} before`
  return `${taught}: ${scores}`
}
