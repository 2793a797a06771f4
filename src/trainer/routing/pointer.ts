/**
 * The live pointer in the trainer. A move is decided in a checkpoint and carried out after it, so that a crash in
 * between is repaired by repeating it. If someone else moved the pointer, that move wins: the learner goes back to the
 * version that is live now, at this place of the stream, and the events after it are set aside.
 *
 * The pointer may also be ahead: a predecessor moved it to versions that this line has not made yet, because the
 * trainer started from an older copy of its checkpoint. See `reconcilePointer`.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Routing } from '../../versions/contract.ts'
import { isFollowed, isUndoing } from '../../versions/routing.ts'
import { afterRollback, applyCommand, isHolding, reconcilePointer } from './moves.ts'
import type { Move, Barrier } from '../../checkpoint/saved.ts'
import { restoreVersion, type RestoreVersion } from '../lineage/restore-version.ts'
import { putAside } from '../lineage/put-aside.ts'

/** A person who looks for the right version moves the pointer several times in a row. */
const SETTLED_AFTER_MS = 500

/** Moves by people that this process remembers: far more than a registry can lose and restore. */
const MOVES_KNOWN = 1000

export class Pointer {
  readonly #parts: RestoreVersion
  /** Moves by people that this process has followed. */
  readonly #adopted: Routing[] = []
  /** The first version that is live, and not made here yet. */
  #awaited: string | undefined
  /** Unread records per source; none before there is a stream. */
  unread: (signal: AbortSignal) => Promise<Barrier['left']> = async () => Promise.resolve({})

  constructor(parts: RestoreVersion) {
    this.#parts = parts
  }

  /**
   * Follows a move by someone else, and carries out what the checkpoint intends. Going back takes much of the CPU that
   * answers requests, so if there is nothing to learn, follow only the last move: false until then.
   */
  async follow(signal: AbortSignal, hasWork: () => Promise<boolean>): Promise<boolean> {
    const live = await this.#read(signal)
    if (this.#isSettling(live) && !(await hasWork())) return false
    await this.#look(live, signal)
    await this.carryOut(signal)
    return true
  }

  #isSettling(live: Routing | undefined): boolean {
    const { loop, state } = this.#parts
    if (live === undefined || live.generation <= state.progress.state.generation) return false
    const ageMs = loop.clock.nowMs() - live.sinceMs
    return ageMs >= 0 && ageMs < SETTLED_AFTER_MS
  }

  /** Call it after the checkpoint that intends the moves. */
  async carryOut(signal: AbortSignal): Promise<void> {
    const { progress } = this.#parts.state
    for (let [move] = progress.state.intended; move !== undefined; [move] = progress.state.intended)
      if (!(await this.#move(move, signal))) return
  }

  /** False when the registry does not know the version yet or any more: a replica with its bytes restores it. */
  async #move(move: Move, signal: AbortSignal): Promise<boolean> {
    const { loop, state, retry } = this.#parts
    const { generation: expect, intended } = state.progress.state
    const point = () => {
      loop.leaseTerm?.lease.check()
      return unlessRefused(loop.registry.point({ ...move, expect }))
    }
    const moved = await retry.run('moving the live pointer', point, signal)
    if (moved === 'VERSION_UNKNOWN') {
      loop.log.warn({ version: move.version }, 'the registry lacks the version that should be live')
      return false
    }
    if (moved === 'GENERATION_STALE') await this.#look(await this.#read(signal), signal)
    else this.#moved(moved, intended.slice(1))
    return true
  }

  async #look(live: Routing | undefined, signal: AbortSignal): Promise<void> {
    const { state } = this.#parts
    const { generation: known, live: answering } = state.progress.state
    if (live === undefined || live.generation < known) this.#lost(live)
    else if (live.generation > known) await this.#catchUp(live, signal)
    else if (answering === null) state.progress.learnedLive(live)
  }

  /** Moves that the checkpoint does not know: our own before a crash, a predecessor's, a person's; in their order. */
  async #catchUp(live: Routing, signal: AbortSignal): Promise<void> {
    const { state } = this.#parts
    const known = state.progress.state.generation
    const history = await this.#history(live.generation - known, signal)
    const moves = history.toReversed().filter(({ generation }) => generation > known)
    for (const [at, move] of moves.entries()) {
      const verdict = await reconcilePointer(move, this.#parts, signal)
      if (verdict === 'wait') {
        this.#waits(move)
        return
      }
      if (verdict === 'ours') this.#moved(move, state.progress.state.intended.slice(1))
      else if (verdict === 'pass' || this.#wasAdopted(move)) this.#passed(move)
      else if (verdict === 'refuse') await this.#refuse(move, signal)
      else if (verdict === 'apply') await this.#apply(move, signal)
      else if (verdict === 'finish') await this.#finish(move, signal)
      else if (this.#isOvertaken(move, moves[at + 1])) this.#overtaken(move)
      else await this.#adopt(move, signal)
    }
  }

  /** The sources deliver the events again, and the line makes the version again. Logged once. */
  #waits({ live: { version } }: Routing): void {
    const { loop, state } = this.#parts
    const { progress } = state
    progress.intend([])
    if (this.#awaited === version) return
    this.#awaited = version
    const words =
      'an older checkpoint: learning again up to what is live; nothing new answers before'
    if (progress.isAhead(version)) loop.log.info({ from: progress.state.parent, version }, words)
  }

  /** If the next move is followed too, and its target state is the same from any version. */
  #isOvertaken(move: Routing, next: Routing | undefined): boolean {
    if (next === undefined || !isFollowed(next) || this.#wasAdopted(next)) return false
    // A promotion sets nothing aside.
    if (isUndoing(move) && !isUndoing(next)) return false
    const { loop, state } = this.#parts
    const continues = (each: Routing) => afterRollback(each, loop.afterRollback) === 'continue'
    if (continues(move) !== continues(next)) return false
    const { progress, checkpoint } = state
    return !progress.isAhead(next.live.version) && checkpoint.hasSnapshot(next.live.version)
  }

  #overtaken(move: Routing): void {
    const { loop, state } = this.#parts
    if (isHolding(move, loop.afterRollback)) state.progress.pause(true)
    this.#wentAlong(move)
    this.#passed(move)
  }

  #moved(live: Routing, left: readonly Move[]): void {
    const { loop, state } = this.#parts
    state.progress.sawPointer(live, left)
    if (left.length === 0) state.trials.saw(live)
    loop.reports.onPointer(live)
  }

  #passed(live: Routing): void {
    const { loop, state } = this.#parts
    state.progress.passedPointer(live)
    loop.reports.onPointer(live)
  }

  async #adopt(live: Routing, signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts
    const {
      live: { version },
      by,
      reason,
    } = live
    const undoes = isUndoing(live)
    const then = afterRollback(live, loop.afterRollback)
    const isSettingAside = undoes && then !== 'continue'
    const left = isSettingAside ? await this.unread(signal) : {}
    const before = state.learner.remembered
    const isKnown = await restoreVersion(version, this.#parts, signal, { undoes })
    state.trials.drop()
    state.forgetting.withholds(version)
    if (undoes) {
      const { task, log } = loop
      const timeMs = live.sinceMs
      const followed = { task, log, before, isUnknown: !isKnown, to: version, reason, timeMs }
      putAside(state, { ...followed, isRelearned: !isSettingAside })
      if (isSettingAside)
        state.progress.putBarrier({ untilMs: live.sinceMs, left, goneTo: version })
    }
    if (isHolding(live, loop.afterRollback)) state.progress.pause(true)
    const set_aside = state.setAside.size
    loop.log.info({ version, by, reason, set_aside }, 'going on from the version that is live now')
    state.progress.sawPointer(live)
    this.#wentAlong(live)
    await state.save(signal)
  }

  /** A person does not wait for the end of a trial. The learner is ahead of that version already. */
  async #finish(live: Routing, signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts
    const { by, reason } = live
    state.progress.sawPointer(live)
    state.trials.saw(live)
    loop.log.info({ version: live.live.version, by, reason }, 'the version on trial is live now')
    this.#wentAlong(live)
    await state.save(signal)
  }

  /**
   * The version loses its bytes when the request to forget is done: the learner stays, and what answered before answers
   * again. A server refuses such a move unless it came too early for it to know.
   */
  async #refuse(move: Routing, signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts
    const { progress, trials, forgetting } = state
    const { live, intended } = progress.state
    const { by } = move
    this.#passed(move)
    // To the version that answers anyway, without its trial.
    if (isFollowed(move) && move.live.version === live?.version) trials.saw(move)
    else if (intended.length === 0 && live !== null) {
      const reason = `${by}: the version has learned what ${forgetting.current?.asked.request ?? ''} forgets`
      const asks = { place: progress.accepted }
      progress.intend([{ version: live.version, by: 'policy', reason, asks, ...trials.routed }])
    }
    loop.log.warn({ by, version: move.live.version }, 'a move to what is being forgotten is undone')
    this.#wentAlong(move)
    await state.save(signal)
  }

  async #apply(command: Routing, signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts
    applyCommand(command, state, loop)
    this.#wentAlong(command)
    this.#passed(command)
    await state.save(signal)
  }

  #wentAlong(move: Routing): void {
    this.#adopted.push(move)
    if (this.#adopted.length > MOVES_KNOWN) this.#adopted.shift()
  }

  /** A registry that lost moves and got them back reports old ones. */
  #wasAdopted({ live: { version }, generation, sinceMs }: Routing): boolean {
    return this.#adopted.some(
      (move) =>
        move.generation === generation && move.live.version === version && move.sinceMs === sinceMs,
    )
  }

  /**
   * A registry that lost its last moves, or all: the version that answered, or that the learner comes from, becomes
   * live again.
   */
  #lost(live: Routing | undefined): void {
    const { state } = this.#parts
    const { generation, parent, intended, live: answering } = state.progress.state
    const version = answering?.version ?? parent
    if (generation === 0 || version === null) return
    const reason = live === undefined ? 'no version was live' : 'the registry had lost moves'
    const again: Move = { version, by: 'start', reason, ...state.trials.routed }
    state.progress.lostPointer(live?.generation ?? 0, intended.length > 0 ? intended : [again])
  }

  async #read(signal: AbortSignal): Promise<Routing | undefined> {
    const { loop, retry } = this.#parts
    return retry.run('reading the live pointer', () => loop.registry.live(), signal)
  }

  async #history(count: number, signal: AbortSignal): Promise<readonly Routing[]> {
    const { loop, retry } = this.#parts
    const read = () => loop.registry.history(count)
    return retry.run('reading the moves of the live pointer', read, signal)
  }
}

/** Asking again would not help. */
async function unlessRefused(
  moving: Promise<Routing>,
): Promise<Routing | 'GENERATION_STALE' | 'VERSION_UNKNOWN'> {
  try {
    return await moving
  } catch (error) {
    const code = error instanceof CodedError ? error.code : undefined
    if (code === 'GENERATION_STALE' || code === 'VERSION_UNKNOWN') return code
    throw error
  }
}
