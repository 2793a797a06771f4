/** Moves of the live pointer that no person asks for: back to an earlier version, and the outcomes of a trial. */
import { afterRollback } from '../routing/moves.ts'
import { putAside } from '../lineage/put-aside.ts'
import { restoreVersion } from '../lineage/restore-version.ts'
import type { Move } from '../../checkpoint/saved.ts'
import type { PublishedVersion } from './candidate.ts'
import { type UpdaterParts, keepWantedLatents } from './parts.ts'

/**
 * Goes back for the rollback policy, a trial, or a line of bad candidates.
 *
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

/**
 * Carries out the outcome of a trial: the version gets a larger share, goes live, or is stopped; then the version
 * that waits begins its own trial. Each outcome is decided at a place of the stream and is part of the checkpoint
 * before the pointer moves, so a crash repeats it.
 */
export class RolloutTurn {
  readonly #parts: UpdaterParts

  constructor(parts: UpdaterParts) {
    this.#parts = parts
  }

  /** Asked after each event. */
  isDue(): boolean {
    const { trials, progress } = this.#parts.state
    trials.watch(progress.accepted)
    const { trial, waiting } = trials
    return trial === undefined ? waiting !== undefined : trial.due !== undefined
  }

  async act(signal: AbortSignal): Promise<void> {
    const { trials, progress } = this.#parts.state
    const { trial } = trials
    const live = progress.state.live?.version
    // A trial is against a live version, and there is none any more.
    if (live === undefined) {
      trials.drop()
      return
    }
    if (trial?.due === undefined) return this.#move(trials.releaseWaiting(progress), signal)
    const { version, due } = trial
    const { verdict, reason } = due
    this.#parts.loop.log.info({ version, verdict, reason }, 'rollout')
    if (verdict !== 'stop') return this.#move(trials.carryOut(due, progress), signal)
    await goBack(live, reason, this.#parts, signal)
  }

  async #move(moves: readonly Move[], signal: AbortSignal): Promise<void> {
    const { state, pointer } = this.#parts
    state.progress.intend([...state.progress.state.intended, ...moves])
    await state.save(signal)
    await pointer.carryOut(signal)
  }
}
