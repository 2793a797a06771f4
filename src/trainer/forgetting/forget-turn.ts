/**
 * Carries out requests to forget, one after the other, in steps with a checkpoint between them:
 *
 * 1. the state loses the events; exact sums lose them by subtraction, any other learner goes back to a version that had not
 *    seen them; routing leaves versions that had;
 * 2. the other stores lose the events, and the versions that had learned from them lose their bytes;
 * 3. the loop learns the rest of the event log again, in its order, like any events;
 * 4. the certificate is written.
 *
 * Each step may be repeated, so that after a crash the trainer goes on with the step it was in.
 */
import { FORGOTTEN } from '../../intake/events/event-key.ts'
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import { publishAgain } from '../updates/candidate.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import type { LatentProvider } from '../sources/latents.ts'
import type { LeftOut } from '../left-out.ts'
import type { Pointer } from '../routing/pointer.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import { forgetNames } from './certificate.ts'
import { quotingOf } from './forecast.ts'
import { goBackTo, isReleased, routedOf, subtractableOf, targetOf, type Target } from './go-back.ts'
import { planOf, type ForgetPlan } from '../lineage/plan.ts'
import { copiesOf, hasLearnedForgotten, pinnedOf, taintedVersions } from '../lineage/tainted.ts'

interface ForgetParts extends RestoreVersion {
  readonly latents: LatentProvider
  readonly pointer: Pointer
  readonly leftOut: Pick<LeftOut, 'clear'>
}

/** The version before what is forgotten, the one that answers, and the newest one without it that has answered. */
interface Subtraction {
  readonly target: Target
  readonly live: string | undefined
  readonly routed: string | undefined
  readonly reason: string
}

interface SubtractedVersion {
  readonly version: string
  /** The version that answers from now on. */
  readonly released: string
  readonly subtracted: number
}

/** Between two looks at what could not be removed yet. */
const AGAIN_MS = 500

export class ForgetTurn {
  readonly #parts: ForgetParts
  #againAtMs = 0

  constructor(parts: ForgetParts) {
    this.#parts = parts
  }

  /** A request waits to be begun: the learner changes with it. */
  get isAsked(): boolean {
    return this.#parts.state.forgetting.current?.stage === 'asked'
  }

  /** The learner is half changed until this resolves. */
  async begin(signal: AbortSignal): Promise<void> {
    const { state, pointer } = this.#parts
    const task = state.forgetting.current
    if (task?.stage !== 'asked') return
    const quoting = await quotingOf(task, this.#parts, signal)
    const gone = [...task.retiring, ...task.retired]
    const plan = planOf(task.asked, state, { gone, quoting })
    const retiring = await taintedVersions(plan, this.#parts, signal)
    const unpinned = [
      ...new Set([...(task.unpinned ?? []), ...(await pinnedOf(retiring, this.#parts, signal))]),
    ]
    const target = plan.isLearned ? await targetOf(plan, this.#parts, signal) : undefined
    const live = state.progress.state.live?.version
    const routed = target && (await routedOf(plan, { live, retiring }, this.#parts, signal))
    const left =
      target && (await this.#subtract(plan, { target, live, routed, reason: task.reason }, signal))
    const snapshot = left?.version ?? (await this.#goTo(target, task, signal))
    const released = left?.released ?? routed ?? state.progress.state.parent
    if (target !== undefined) this.#route(released, task)
    const again = target === undefined || left !== undefined ? [] : plan.again(target.version)
    const { lost } = state.log
    this.#remove(plan)
    if (left === undefined) this.#learnAgain(again, plan)
    state.retire(retiring)
    forgetNames(task.asked, state)
    const { parent } = state.progress.state
    const isAgain = task.positions !== undefined
    const stays = target === undefined || task.asked.keepServing === true
    const meanwhile = stays ? live : (released ?? undefined)
    state.forgetting.change(task, {
      ...{ stage: 'rebuilding', retiring, again: again.length, learnedAgain: 0 },
      ...(!isAgain && {
        predictions: plan.predictions,
        counts: { events: plan.keys.length, ...plan.places },
        positions: state.progress.positions,
      }),
      isBeyondLog: task.isBeyondLog || plan.isBeyondLog,
      ...(plan.isBeyondLog && { lost }),
      ...(target !== undefined && { from: parent, released }),
      ...(left !== undefined && { subtracted: left.subtracted }),
      ...(unpinned.length > 0 && { unpinned }),
      ...(meanwhile !== undefined && { meanwhile }),
    })
    this.#tell(task, plan, again.length)
    await state.save(signal, snapshot)
    await pointer.carryOut(signal)
  }

  /** Steps that leave the learner as it is. Returns whether it did something. */
  async act(signal: AbortSignal): Promise<boolean> {
    const { state, loop } = this.#parts
    const task = state.forgetting.current
    if (task?.stage !== 'rebuilding' || state.progress.state.intended.length > 0) return false
    const isRebuilt = state.log.again.size === 0
    if (isRebuilt && (await this.#isTainted(signal))) return this.#beginAgain(task, signal)
    const waits = task.asked.keepServing === true && !isRebuilt
    if (!task.isErased && !waits) {
      if (loop.clock.monotonicMs() < this.#againAtMs) return false
      if (await this.#moveToReleased(task, signal)) return true
      return this.#erase(task, signal)
    }
    if (!isRebuilt) return false
    if (await this.#findCopies(task, signal)) return true
    await this.#finish(task, signal)
    return true
  }

  /** The proof: no version that has learned from them is on the line that goes on. */
  async #isTainted(signal: AbortSignal): Promise<boolean> {
    const { parent } = this.#parts.state.progress.state
    return parent !== null && hasLearnedForgotten(parent, this.#parts, signal)
  }

  async #beginAgain(task: ForgetTask, signal: AbortSignal): Promise<true> {
    const { state, loop } = this.#parts
    const { request } = task.asked
    loop.log.warn({ request }, 'the line has learned what is to be forgotten: it is rebuilt again')
    state.forgetting.change(task, { stage: 'asked', isErased: false })
    await state.save(signal)
    return true
  }

  /** Imports of exports that were made in the meantime lose their bytes too. */
  async #findCopies(task: ForgetTask, signal: AbortSignal): Promise<boolean> {
    const { state } = this.#parts
    const retiring = await copiesOf(task.retired, this.#parts, signal)
    if (retiring.length === 0) return false
    state.retire(retiring)
    const pinned = await pinnedOf(retiring, this.#parts, signal)
    const unpinned = [...(task.unpinned ?? []), ...pinned]
    state.forgetting.change(task, {
      ...{ retiring, isErased: false },
      ...(unpinned.length > 0 && { unpinned }),
    })
    await state.save(signal)
    return true
  }

  /**
   * Subtracts them from exact sums, and publishes what is left as a version that continues the one before them: nothing
   * is learned again. Undefined, with the learner as it may be, if the line has to be rebuilt.
   */
  async #subtract(
    plan: ForgetPlan,
    { target, live, routed, reason }: Subtraction,
    signal: AbortSignal,
  ): Promise<SubtractedVersion | undefined> {
    const { state, latents } = this.#parts
    const { learner, progress, log } = state
    const gone = subtractableOf(plan, { live, routed }, state)
    const isNext = isReleased(live, routed, state)
    if (gone === undefined) return undefined
    const found = await latents.all(gone, signal)
    const before = learner.summed
    if (!this.#isSubtracted(plan, found)) return undefined
    const after = learner.summed
    if (after?.examples !== (before?.examples ?? 0) - gone.length) return undefined
    // The name of an output that only they had used would stay in the head.
    if (after.outputs !== before?.outputs && this.#hasGrown) return undefined
    const { summedRows } = state
    invariant(summedRows !== undefined, 'what was subtracted from was known')
    if (target.version === undefined) progress.startedFresh()
    else progress.wentTo(target.version)
    state.compared.clear()
    progress.setBar(undefined)
    const { number, version } = await publishAgain(reason, this.#parts, signal)
    log.takenOver(version, summedRows)
    progress.wentTo(version, number + 1)
    progress.scored(learner.headline)
    return { version, released: isNext ? version : (routed ?? version), subtracted: gone.length }
  }

  #isSubtracted({ keys }: ForgetPlan, latents: LatentMap): boolean {
    try {
      this.#parts.state.retract({ keys, predictions: [] }, latents)
      return true
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'STEP_DROPPED') throw error
      return false
    }
  }

  /** Events have brought outputs that the settings do not name. */
  get #hasGrown(): boolean {
    const { state, loop } = this.#parts
    return loop.task.outputs(state.learner.head) > loop.task.outputs(loop.task.start)
  }

  /** Returns the version that the state is to be kept for. */
  async #goTo(target: Target | undefined, { reason }: ForgetTask, signal: AbortSignal) {
    if (target === undefined) return undefined
    const { progress } = this.#parts.state
    await goBackTo(target, this.#parts, signal)
    progress.cut(undefined)
    if (target.isLoadable) return undefined
    const { number, version } = await publishAgain(reason, this.#parts, signal)
    progress.wentTo(version, number + 1)
    return version
  }

  /** A trial ends, because the learner has gone back. */
  #route(released: string | null, { asked, reason }: ForgetTask): void {
    const { progress, trials } = this.#parts.state
    const live = progress.state.live?.version ?? null
    const version = asked.keepServing === true ? live : released
    const isThere = version === live && trials.trial === undefined
    trials.drop()
    const asks = { place: progress.accepted }
    progress.intend(isThere || version === null ? [] : [{ version, by: 'policy', reason, asks }])
  }

  #remove({ keys, orders, predictions }: ForgetPlan): void {
    const { state, latents, leftOut, loop } = this.#parts
    const { dedupe, waiting, setAside, ahead, progress, log, served } = state
    state.retract({ keys, predictions: [] })
    latents.forget(keys)
    leftOut.clear()
    for (const key of keys) {
      const held = waiting.get(key)
      waiting.leave(key)
      // So that each record of the stream is counted as something.
      if (held !== undefined && held.isCounted !== true) progress.count('accepted')
      setAside.remove(key)
      ahead.remove(key)
      dedupe.add(key, FORGOTTEN)
    }
    for (const prediction of predictions) served.withdraw(prediction)
    log.forget(orders)
    loop.intake.refuseAgain?.(keys)
  }

  #learnAgain(orders: readonly number[], { isBeyondLog, isGone }: ForgetPlan): void {
    const { state } = this.#parts
    state.log.again.start(orders, isGone)
    if (isBeyondLog) state.log.nothingLearned()
    if (!state.heldOut.isOn) return
    const again = new Set<ExampleKey>()
    for (const { key } of state.log.again.known()) again.add(key)
    state.heldOut.remove([...again])
  }

  /** With `keepServing`: the version that was released meanwhile becomes live now. */
  async #moveToReleased({ asked, released, from }: ForgetTask, signal: AbortSignal) {
    const { state, pointer } = this.#parts
    const { progress } = state
    const { live } = progress.state
    if (asked.keepServing !== true || from === null || released === null) return false
    if (live === null || live.version === released) return false
    const reason = 'rebuilt without what was to be forgotten'
    const asks = { place: progress.accepted }
    progress.intend([{ version: released, by: 'policy', reason, asks }])
    await state.save(signal)
    await pointer.carryOut(signal)
    return true
  }

  async #erase(task: ForgetTask, signal: AbortSignal): Promise<boolean> {
    const { state, loop, retry } = this.#parts
    const { asked, atMs, predictions } = task
    const retire = () => loop.registry.retire(task.retiring)
    const retired = await retry.run('removing versions', retire, signal)
    const erase = async () => loop.intake.erase?.({ asked, atMs, predictions })
    const erased = await retry.run('erasing events', erase, signal)
    const left = task.retiring.filter((version) => !retired.includes(version))
    const counts = { ...task.counts }
    for (const [store, count] of Object.entries(erased?.counts ?? {}))
      counts[store] = (counts[store] ?? 0) + count
    const isCompact = state.checkpoint.compact()
    const isHere = left.length === 0 && isCompact && erased?.isComplete !== false
    const isErased = isHere && (await this.#isCopied(counts))
    if (!isErased) this.#againAtMs = loop.clock.monotonicMs() + AGAIN_MS
    state.forgetting.change(task, {
      ...{ retiring: left, retired: [...task.retired, ...retired], counts, isErased },
      ...(isErased && { predictions: [] }),
    })
    await state.save(signal)
    return isErased
  }

  /** In a fleet: the copy of the checkpoint is without them too. */
  async #isCopied(counts: Record<string, number>): Promise<boolean> {
    const { leaseTerm } = this.#parts.loop
    if (leaseTerm?.isCopied === undefined) return true
    if (!(await leaseTerm.isCopied())) return false
    counts.checkpoint_copies = 1
    return true
  }

  async #finish(task: ForgetTask, signal: AbortSignal): Promise<void> {
    const { state, loop, retry, pointer } = this.#parts
    const rebuilt = task.from === null ? null : state.progress.state.parent
    const { generation } = state.progress.state
    const done = {
      stage: 'done',
      left: 0,
      rebuilt,
      doneMs: loop.clock.nowMs(),
      generation,
    } as const
    const certify = async () => loop.intake.certify?.({ ...task, ...done })
    const hash = await retry.run('writing a certificate', certify, signal)
    state.forgetting.change(task, done)
    if (hash !== undefined) this.#record(task, hash)
    const { request } = task.asked
    loop.log.info({ request, rebuilt, again: task.again }, 'forgotten')
    await state.save(signal)
    await pointer.carryOut(signal)
  }

  /** The chain of moves shows a certificate that was changed later. */
  #record({ asked: { request } }: ForgetTask, hash: string): void {
    const { progress, trials } = this.#parts.state
    const { live } = progress.state
    if (live === null) return
    const asks = { place: progress.accepted, certificate: { request, hash } }
    const reason = `the request to forget ${request} is done`
    progress.intend([{ version: live.version, by: 'policy', reason, asks, ...trials.routed }])
  }

  #tell({ asked, reason }: ForgetTask, plan: ForgetPlan, again: number): void {
    const { parent } = this.#parts.state.progress.state
    const { request } = asked
    const counts = { events: plan.keys.length, again }
    this.#parts.loop.log.info({ request, reason, from: parent, ...counts }, 'forgetting')
  }
}
