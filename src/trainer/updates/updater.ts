/**
 * One update of a model, with its effects in an order that lets a crash between any two be repaired: publish the
 * candidate (repeating it is harmless), ONE checkpoint with the intended move of the pointer, the move, the commits.
 */
import { shownKey } from '../../intake/events/event-key.ts'
import { CodedError, type ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { LET_AGAIN } from '../../intake/events/signal-digest.ts'
import { failure } from '../../platform/errors.ts'
import { publishCandidate, type Published } from './candidate.ts'
import type { LearnerSnapshot } from '../../checkpoint/saved.ts'
import { drive } from '../drive.ts'
import { evaluateCandidate } from './evaluation.ts'
import { promoteCompared } from './gate-facts.ts'
import { liveVersion } from './live-version.ts'
import { restoreVersion } from '../start/restore-version.ts'
import type { LatentProvider } from '../sources/latent-provider.ts'
import type { UpdateSize } from '../../evaluation/gate-rows.ts'
import type { Outcome, TrainPlan } from '../../learner/learner-types.ts'
import type { LoopParts } from '../parts.ts'
import type { RetryPolicy } from '../../platform/retry.ts'
import type { Pointer } from '../routing/pointer.ts'
import { afterRollback } from '../routing/commands.ts'
import { putAside } from '../routing/put-aside.ts'
import { receivedOfExample } from '../routing/set-aside-letters.ts'
import { consultKept, outliersIn, releaseKeptBack } from '../admission/quarantine.ts'
import type { TrainerState } from '../state.ts'
import { removeConvicted } from './convict.ts'
import type { ComputeMeter } from './compute-meter.ts'
import type { UpdateClock } from './update-times.ts'
import { UpdateTrace } from './update-trace.ts'

export interface UpdaterParts {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly retry: RetryPolicy
  readonly latents: LatentProvider
  readonly pointer: Pointer
  readonly times: UpdateClock
  readonly meter: ComputeMeter
}

interface Undone {
  readonly before: LearnerSnapshot
  readonly block: readonly Example[]
  readonly outcome: Outcome
  readonly error: CodedError
}

/** Events in one line of the log. */
const MOST_TOLD = 100

/** They go forward after each step. */
const WATCHED_ROWS = 32

export class Updater {
  readonly #parts: UpdaterParts
  /** A version was published since old ones were removed. */
  #isUntidy = false

  constructor(parts: UpdaterParts) {
    this.#parts = parts
  }

  /** When it rejects, the learner may be half changed: only the checkpoint may be trusted then. */
  async update(signal: AbortSignal): Promise<void> {
    const { state, pointer, latents, times, meter, loop } = this.#parts
    const cost = meter.begin()
    const { rehearsal } = state.progress.state
    const isRehearsal = rehearsal !== undefined
    if (!isRehearsal) await consultKept(this.#parts, signal)
    const startMs = loop.clock.monotonicMs()
    const isRelearned = !isRehearsal && (await removeConvicted(this.#parts, signal))
    const before = state.presentLearner()
    const block = isRehearsal ? [] : state.learner.pending
    const trace = this.#trace(block)
    const earlier = state.progress.state.live?.previous ?? undefined
    const story = isRehearsal
      ? state.learner.rehearse(rehearsal)
      : state.learner.update(await liveVersion(this.#parts, signal), {
          heldOut: this.#watched,
          isRelearned,
        })
    const outcome = await drive(story, latents, signal)
    times.finished(loop.clock.monotonicMs() - startMs, outcome)
    cost.trained()
    const target = outcome.to ?? earlier
    if (outcome.verdict === 'rollback' && target !== undefined) {
      cost.ended()
      trace?.ended(this.#nextName, { verdict: 'rollback' })
      return this.goBack(target, outcome.reason, signal)
    }
    this.#leaveOut(outcome)
    const { maxUpdate } = loop.defence ?? {}
    // Weights that begin again have to move.
    const scaledBack =
      maxUpdate === undefined || isRelearned || outcome.hasRestarted === true
        ? undefined
        : state.learner.boundUpdate(before.weights, maxUpdate)
    if (scaledBack !== undefined) times.scaledBack()
    state.learnerChanged()
    latents.keepOnly(this.#wantedRows)
    if (outcome.alarm?.response.startsWith('fresh') === true) state.forgetCompared()
    const size = sizeOf(outcome, loop.train)
    const compared = { before: before.weights, block, size }
    const facts = await evaluateCandidate(compared, this.#parts, signal)
    const compute = cost.ended()
    const evaluated = state.progress.state.next
    const left = new Set(outcome.unlearned?.map(({ key }) => key))
    const learnedNow = block.filter(({ key }) => !left.has(key))
    const candidate = {
      ...outcome,
      scaledBack,
      isRelearned,
      facts,
      compute,
      block: learnedNow,
      trace,
      ...(isRehearsal && { cause: outcome.reason }),
    }
    const publishing = publishCandidate(candidate, this.#parts, signal)
    const published = await unlessNotFinite(trace?.publishing(publishing) ?? publishing)
    if (published instanceof CodedError) {
      trace?.ended(this.#nextName, { verdict: 'failed' })
      return this.#undo({ before, block, outcome, error: published }, signal)
    }
    const { number, version, decision } = published
    const { verdict } = decision
    trace?.ended(version, { verdict, events: outcome.learned, steps: outcome.steps })
    times.decided(decision.verdicts)
    this.#log(outcome, version, decision)
    if (decision.verdict === 'promote') promoteCompared(this.#parts, evaluated)
    state.progress.learned(outcome, number)
    state.log.learned(version)
    state.progress.scored(state.learner.scores)
    const back = this.#restoringAfter(decision)
    if (back !== undefined) return this.goBack(back.version, back.reason, signal)
    this.#release(version, decision)
    // The server loads it while the checkpoint waits for the disk.
    if (state.progress.state.intended.at(-1)?.version === version) loop.reports.onComing?.(version)
    releaseKeptBack(state)
    await state.save(signal, version)
    await pointer.carryOut(signal)
    this.#isUntidy = true
  }

  /**
   * Where to go back and why, if the line has gone bad: each candidate comes from the weights of the last one. If an earlier
   * version is shown to be better than the candidates, the live version may be bad too, because each fell only a little.
   */
  #restoringAfter({ verdict, isHarmful, reason, better }: Published['decision']) {
    const { loop, state } = this.#parts
    const { restoreAfterHolds: limit = 0 } = loop.comparison ?? {}
    const holds = state.progress.held(verdict === 'hold' && isHarmful === true)
    const { live } = state.progress.state
    if (limit === 0 || holds < limit || live === null) return undefined
    const isKept = better !== undefined && state.checkpoint.hasSnapshot(better)
    const version = isKept ? better : live.version
    return { version, reason: `${holds} candidates in a row were held, the last one: ${reason}` }
  }

  /** A move of a trial that is not made yet stays. */
  #release(version: string, { verdict, reason }: Published['decision']): void {
    const { progress, trials, forgetting } = this.#parts.state
    const left = trials.trial === undefined ? [] : progress.state.intended
    const moves =
      verdict === 'promote' && !forgetting.withholds(version)
        ? trials.release({ version, reason }, progress)
        : []
    progress.intend([...left, ...moves])
  }

  /** Undefined if nothing is traced. */
  #trace(block: readonly Example[]): UpdateTrace | undefined {
    const { loop, state } = this.#parts
    const { model, clock, onSpan } = loop
    if (onSpan === undefined || state.traces === undefined) return undefined
    const place = { positions: state.progress.positions, journals: state.journals }
    return new UpdateTrace({
      ...{ model, clock, onSpan, place },
      traceparents: state.traces.of(block),
    })
  }

  /** The name of the next version. */
  get #nextName(): string {
    return `v${this.#parts.state.progress.state.next}`
  }

  /** Held-out rows that an update looks at while it trains, in a random order that stays the same. */
  get #watched(): readonly Example[] {
    const { state, loop } = this.#parts
    const { patience = 0 } = loop.train.early_stop ?? {}
    return patience > 0 ? state.heldOut.rows.slice(0, WATCHED_ROWS) : []
  }

  /** Their latents stay. */
  get #wantedRows(): readonly Example[] {
    const { state, loop } = this.#parts
    const golden = (loop.comparison?.golden ?? []).map(({ example }) => example)
    const outliers = outliersIn(state).map(({ example }) => example)
    return [...state.learner.remembered, ...state.heldOut.rows, ...golden, ...outliers]
  }

  /** Examples that no step learned go to the dead letters; examples that made a step fail are also forgotten. */
  #leaveOut({ unlearned = [], poison = [] }: Outcome): void {
    const { state } = this.#parts
    if (poison.length > 0) state.retract({ keys: poison, predictions: [] })
    const reason = 'a step with it failed: loss or gradient is not a number'
    for (const example of unlearned) this.#bury(example, failure('STEP_DROPPED', reason))
  }

  #bury(example: Example, error: CodedError): void {
    const { loop, state } = this.#parts
    const { letters, progress, refused, dedupe, log } = state
    log.reject(example.key, error)
    dedupe.add(example.key, LET_AGAIN)
    const position = `${example.source}/${example.id}@${progress.accepted}`
    const place = { partition: 'learning', position }
    letters.add(receivedOfExample(example, place, loop.task), error)
    refused.push(example.key)
    progress.count('rejected')
  }

  /** The result is unusable: the learner is restored, and the events are logged and left out. */
  async #undo({ before, block, outcome, error }: Undone, signal: AbortSignal): Promise<void> {
    const { state, loop } = this.#parts
    const events = block.slice(0, MOST_TOLD).map(({ key }) => shownKey(key))
    const details = { err: error, code: error.code, count: block.length, events }
    loop.log.error(details, 'an update was undone: its result is not finite')
    state.restoreLearner(before)
    // The same steps would fail again.
    if (state.progress.state.rehearsal !== undefined) state.learner.leaveRehearsal()
    // Its answers are not part of the past.
    state.compared.goTo(`v${state.progress.state.next - 1}`)
    for (const example of block) this.#bury(example, error)
    state.progress.undone(outcome)
    await state.save(signal)
  }

  /** Publishes the present weights with the items that memory has stored since the last version. */
  async publishMemory(cause: string, signal: AbortSignal): Promise<void> {
    const { state, pointer } = this.#parts
    const trace = this.#trace(state.learner.pending)
    if (state.learner.memoryPublished()) state.learnerChanged()
    const before = state.learnerState.weights
    const { batch, replay_batch } = this.#parts.loop.train
    const size = { learned: batch, steps: 1, stepRows: batch + replay_batch }
    const facts = await evaluateCandidate({ before, block: [], size }, this.#parts, signal, {
      isTrained: false,
    })
    const evaluated = state.progress.state.next
    const candidate = { learned: 0, cause, facts, trace }
    const publishing = publishCandidate(candidate, this.#parts, signal)
    const published = await (trace?.publishing(publishing) ?? publishing)
    const { number, version, decision } = published
    trace?.ended(version, { verdict: decision.verdict })
    this.#parts.times.decided(decision.verdicts)
    this.#parts.loop.log.info({ version, ...decision }, 'recalled')
    if (decision.verdict === 'promote') promoteCompared(this.#parts, evaluated)
    state.progress.wentTo(version, number + 1)
    state.progress.scored(state.learner.scores)
    if (decision.verdict === 'promote') this.#release(version, decision)
    await state.save(signal, version)
    await pointer.carryOut(signal)
    this.#isUntidy = true
  }

  /**
   * The test of a block shows that the live version is bad, or a trial that the version on trial is: neither the block
   * nor what the version learned is learned again unless a person asks (law 11). Events after this place of the stream
   * are learned: the policy tests them too, and in a backlog no person would be there to ask.
   *
   * To continue is to learn it all again in its order. That is done once for a version: where it ends at the same version
   * again, what came after it is set aside, because it would end there each time.
   */
  async goBack(version: string, reason: string, signal: AbortSignal): Promise<void> {
    const { state, pointer, latents, loop } = this.#parts
    const before = state.learner.remembered
    const isKnown = await restoreVersion(version, this.#parts, signal, { undoes: true })
    state.trials.drop()
    const { task, log, clock } = loop
    const timeMs = clock.nowMs()
    const then = afterRollback({}, loop.afterRollback)
    const isRelearned = then === 'continue' && !state.log.wentBackTo(version)
    const followed = { task, log, before, isUnknown: !isKnown, to: version, reason, timeMs }
    putAside(state, { ...followed, isRelearned })
    if (then === 'hold') state.progress.pause(true)
    latents.keepOnly(this.#wantedRows)
    loop.log.warn({ to: version, reason, set_aside: state.setAside.size }, 'rolling back')
    const place = state.progress.accepted
    state.progress.cut(undefined)
    state.progress.intend([{ version, by: 'policy', reason, asks: { place } }])
    await state.save(signal)
    await pointer.carryOut(signal)
  }

  /** After an update, and when it was reported: old bytes go. A failure leaves them for the next time. */
  async tidy(): Promise<void> {
    if (!this.#isUntidy) return
    this.#isUntidy = false
    const { state, loop } = this.#parts
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

  #tellDropped(version: string, steps: number, keys: readonly ExampleKey[]): void {
    // Source and id of each, as far as they fit in a log line.
    const events = keys.slice(0, MOST_TOLD).map(shownKey)
    const details = { version, steps, count: keys.length, events }
    this.#parts.loop.log.warn(details, 'steps were dropped: loss or gradient is not a number')
  }

  #log(outcome: Outcome, version: string, decision: { verdict: string; reason: string }): void {
    const { learned, steps, dropped, droppedKeys, alarm } = outcome
    if (droppedKeys) this.#tellDropped(version, dropped, droppedKeys)
    if (alarm) this.#parts.loop.log.warn({ version, ...alarm }, 'the stream has changed')
    const { scores } = this.#parts.state.learner
    const details = { version, ...decision, learned, steps, dropped, ...scores }
    this.#parts.loop.log.info(details, 'learned')
  }
}

function sizeOf({ learned, steps }: Outcome, { epochs, replay_batch }: TrainPlan): UpdateSize {
  return { learned, steps, stepRows: learned * epochs + steps * replay_batch }
}

async function unlessNotFinite<Result>(publishing: Promise<Result>): Promise<Result | CodedError> {
  try {
    return await publishing
  } catch (error) {
    if (error instanceof CodedError && error.code === 'VERSION_NOT_FINITE') return error
    throw error
  }
}
