/**
 * The live pointer as the trainer sees it. A move is decided in a checkpoint and done after it, so that a crash in
 * between is mended by doing it again. Whoever else moved the pointer wins: the learner goes back to the version that
 * is live now, at this place of the stream, and what came since is not learned again.
 */
import { CodedError, type LivePointer } from '../contracts.ts'
import type { Move } from './saved.ts'
import { goBackTo } from './going-back.ts'
import type { LoopParts } from './parts.ts'
import type { Patience } from './patience.ts'
import type { TrainerState } from './state.ts'

export interface PointerParts {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly patience: Patience
}

export class Pointer {
  readonly #parts: PointerParts

  constructor(parts: PointerParts) {
    this.#parts = parts
  }

  /** Goes where somebody else has moved the pointer, and does what the checkpoint intends. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#lookAgain(signal)
    await this.carryOut(signal)
  }

  /** Call it after the checkpoint that intends the moves. */
  async carryOut(signal: AbortSignal): Promise<void> {
    const { tally } = this.#parts.state
    for (let [move] = tally.state.intended; move !== undefined; [move] = tally.state.intended)
      await this.#move(move, signal)
  }

  async #move(move: Move, signal: AbortSignal): Promise<void> {
    const { loop, state, patience } = this.#parts
    const { generation: expect, intended } = state.tally.state
    const point = () => unlessStale(loop.registry.point({ ...move, expect }))
    const moved = await patience.persist('moving the live pointer', point, signal)
    if (moved !== undefined) this.#moved(moved, intended.slice(1))
    else await this.#lookAgain(signal)
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    const live = await this.#read(signal)
    if (live === undefined) this.#lost()
    else if (live.generation !== this.#parts.state.tally.state.generation)
      await this.#settle(live, signal)
    else this.#parts.state.live = live
  }

  /** The pointer is elsewhere than the checkpoint knows: by our own moves before a crash, or by somebody else. */
  async #settle(live: LivePointer, signal: AbortSignal): Promise<void> {
    const { generation, intended } = this.#parts.state.tally.state
    const done = live.generation - generation
    const ours = done > 0 ? intended[done - 1] : undefined
    if (ours?.version === live.version && ours.by === live.by)
      this.#moved(live, intended.slice(done))
    else await this.#adopt(live, signal)
  }

  #moved(live: LivePointer, left: readonly Move[]): void {
    const { loop, state } = this.#parts
    state.tally.sawPointer(live, left)
    state.live = live
    loop.onPointer(live)
  }

  async #adopt(live: LivePointer, signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts
    const { version, by, reason } = live
    loop.log.info({ version, by, reason }, 'going on from the version that is live now')
    await goBackTo(version, this.#parts, signal)
    state.tally.sawPointer(live)
    state.live = live
    await state.save(signal)
  }

  /** A registry that was emptied: the version that the learner comes from is live again. */
  #lost(): void {
    const { tally } = this.#parts.state
    const { generation, parent } = tally.state
    if (generation === 0 || parent === null) return
    tally.lostPointer([{ version: parent, by: 'start', reason: 'no version was live' }])
  }

  async #read(signal: AbortSignal): Promise<LivePointer | undefined> {
    const { loop, patience } = this.#parts
    return patience.persist('reading the live pointer', () => loop.registry.live(), signal)
  }
}

/** Undefined when the pointer is elsewhere: asking again would not help. */
async function unlessStale(moving: Promise<LivePointer>): Promise<LivePointer | undefined> {
  try {
    return await moving
  } catch (error) {
    if (error instanceof CodedError && error.code === 'GENERATION_STALE') return undefined
    throw error
  }
}
