/**
 * Carries out the outcome of a trial: the version gets a larger share, goes live, or is stopped; then the version
 * that waits begins its own trial. Each outcome is decided at a place of the stream and is part of the checkpoint
 * before the pointer moves, so a crash repeats it.
 */
import type { Move } from '../../checkpoint/saved.ts'
import { goBack } from './going-back.ts'
import type { UpdaterParts } from './parts.ts'

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
