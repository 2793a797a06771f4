/**
 * One update of a model, with its effects in an order that lets a crash between any two be repaired: publish the
 * candidate (repeating it is harmless), ONE checkpoint with the intended move of the pointer, the move, the commits.
 */
import type { LearnerSnapshot } from '../../checkpoint/saved.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { FreshStart, Outcome } from '../../learner/learner-types.ts'
import { consultKept, releaseKeptBack } from '../admission/quarantine.ts'
import { drive } from '../sources/latents.ts'
import { publishCandidate, type Candidate, type PublishedVersion } from './candidate.ts'
import { removeHostile } from './hostile-sources.ts'
import { evaluateCandidate } from './evaluation.ts'
import { promoteCompared } from './gate.ts'
import { goBack, wayBack } from './policy-moves.ts'
import { liveVersion } from './live-version.ts'
import { type UpdaterParts, keepWantedLatents } from './parts.ts'
import { buryUnlearned, logDropped, undoUpdate } from './unlearned.ts'
import { UpdateTrace } from './update-trace.ts'

/** An update before its first step. */
interface Start {
  readonly before: LearnerSnapshot
  /** The examples to learn; none if kept ones are rehearsed. */
  readonly block: readonly Example[]
  /** How many steps to rehearse, while the stream is idle. */
  readonly rehearsal: number | undefined
  /** The version before the live one. */
  readonly earlier: string | undefined
  /** What begins again, because hostile sources had taught it. */
  readonly fresh: FreshStart | undefined
  readonly trace: UpdateTrace | undefined
}

/** Rows that go forward after each step. */
const WATCHED_ROWS = 32

export class Updater {
  readonly #parts: UpdaterParts
  /** A version was published since old ones were removed. */
  #isUntidy = false
  /** The warnings of the task that the log has. */
  readonly #warned = new Set<string>()

  constructor(parts: UpdaterParts) {
    this.#parts = parts
  }

  /** When it rejects, the learner may be half changed: only the checkpoint may be trusted then. */
  async update(signal: AbortSignal): Promise<void> {
    try {
      await this.#update(signal)
    } finally {
      this.#parts.times.rested()
    }
  }

  async #update(signal: AbortSignal): Promise<void> {
    const { state, times, meter, loop } = this.#parts
    const cost = meter.begin()
    if (state.progress.state.rehearsal === undefined) await consultKept(this.#parts, signal)
    const startMs = loop.clock.monotonicMs()
    const start = await this.#start(signal)
    const { before, block, fresh, trace } = start
    const outcome = await this.#learn(start, signal)
    times.finished(loop.clock.monotonicMs() - startMs, outcome)
    cost.trained()
    const target = outcome.to ?? start.earlier
    if (outcome.verdict === 'rollback' && target !== undefined) {
      cost.ended()
      trace?.ended(this.#nextName, { verdict: 'rollback' })
      return goBack(target, outcome.reason, this.#parts, signal)
    }
    const scaledBack = this.#takeResult(outcome, start)
    const compared = { before: before.weights, block, size: outcome }
    const facts = await evaluateCandidate(compared, this.#parts, signal)
    const compute = cost.ended()
    const evaluated = state.progress.state.next
    const candidate = {
      ...{ ...outcome, scaledBack, fresh, facts, compute, trace },
      block: learnedOf(block, outcome),
      ...(start.rehearsal !== undefined && { cause: outcome.reason }),
    }
    const published = await unlessNotFinite(this.#publish(candidate, trace, signal))
    if (published instanceof CodedError) {
      trace?.ended(this.#nextName, { verdict: 'failed' })
      return undoUpdate({ before, block, outcome, error: published }, this.#parts, signal)
    }
    const { version, decision } = published
    const { verdict } = decision
    trace?.ended(version, { verdict, events: outcome.learned, steps: outcome.steps })
    times.decided(decision.verdicts)
    this.#log(outcome, version, decision)
    if (verdict === 'promote') promoteCompared(this.#parts, evaluated)
    await this.#settle(outcome, published, signal)
  }

  async #start(signal: AbortSignal): Promise<Start> {
    const { state } = this.#parts
    const { rehearsal } = state.progress.state
    const isRehearsal = rehearsal !== undefined
    const fresh = isRehearsal ? undefined : await removeHostile(this.#parts, signal)
    const before = state.presentLearner()
    const block = isRehearsal ? [] : state.learner.pending
    const earlier = state.progress.state.live?.previous ?? undefined
    return { before, block, rehearsal, earlier, fresh, trace: this.#trace(block) }
  }

  async #learn({ rehearsal, fresh }: Start, signal: AbortSignal): Promise<Outcome> {
    const { state, times, latents } = this.#parts
    const { learner } = state
    const options = { heldOut: this.#watched, fresh }
    const story =
      rehearsal === undefined
        ? learner.update(await liveVersion(this.#parts, signal), options)
        : learner.updates.rehearse(rehearsal)
    return drive(times.reported(story, learner.updates), latents, signal)
  }

  /** Returns the factor by which an update that went too far was scaled down. */
  #takeResult(outcome: Outcome, { before, fresh }: Start): number | undefined {
    const { state, times, loop } = this.#parts
    buryUnlearned(outcome, this.#parts)
    const { maxUpdate } = loop.defence ?? {}
    // Weights that begin again have to move.
    const hasRestarted = fresh !== undefined || outcome.hasRestarted === true
    const scaledBack =
      maxUpdate === undefined || hasRestarted
        ? undefined
        : state.learner.boundUpdate(before.weights, maxUpdate)
    if (scaledBack !== undefined) times.scaledBack()
    state.learnerChanged()
    keepWantedLatents(this.#parts)
    if (outcome.alarm?.response.startsWith('fresh') === true) state.forgetCompared()
    return scaledBack
  }

  /** The published version becomes part of the line, in one checkpoint, and live if it was promoted. */
  async #settle(
    outcome: Outcome,
    { number, version, decision }: PublishedVersion,
    signal: AbortSignal,
  ): Promise<void> {
    const { state, pointer, loop } = this.#parts
    state.progress.learned(outcome, number, state.log.learned(version))
    state.progress.scored(state.learner.headline)
    const back = wayBack(decision, this.#parts)
    if (back !== undefined) return goBack(back.version, back.reason, this.#parts, signal)
    this.#release(version, decision)
    // The server loads it while the checkpoint waits for the disk.
    if (state.progress.state.intended.at(-1)?.version === version) loop.reports.onComing?.(version)
    releaseKeptBack(state)
    await state.save(signal, version)
    await pointer.carryOut(signal)
    this.#isUntidy = true
  }

  /** A move of a trial that is not made yet stays. */
  #release(version: string, { verdict, reason }: PublishedVersion['decision']): void {
    const { progress, trials, forgetting } = this.#parts.state
    const left = trials.trial === undefined ? [] : progress.state.intended
    const moves =
      verdict === 'promote' && !forgetting.withholds(version)
        ? trials.release({ version, reason }, progress)
        : []
    progress.intend([...left, ...moves])
  }

  /** Publishes the present weights with the items that memory has stored since the last version. */
  async publishMemory(cause: string, signal: AbortSignal): Promise<void> {
    const { state, pointer, loop } = this.#parts
    const trace = this.#trace(state.learner.pending)
    if (state.learner.memoryPublished()) state.learnerChanged()
    const before = state.learnerState.weights
    const { batch, replay_batch } = loop.train
    const size = { learned: batch, steps: 1, rows: batch + replay_batch }
    const compared = { before, block: [], size }
    const onlyMemory = { isTrained: false }
    const facts = await evaluateCandidate(compared, this.#parts, signal, onlyMemory)
    const evaluated = state.progress.state.next
    const candidate = { learned: 0, cause, facts, trace }
    const { number, version, decision } = await this.#publish(candidate, trace, signal)
    trace?.ended(version, { verdict: decision.verdict })
    this.#parts.times.decided(decision.verdicts)
    loop.log.info({ version, ...decision }, 'recalled')
    if (decision.verdict === 'promote') promoteCompared(this.#parts, evaluated)
    state.progress.wentTo(version, number + 1)
    state.progress.scored(state.learner.headline)
    if (decision.verdict === 'promote') this.#release(version, decision)
    await state.save(signal, version)
    await pointer.carryOut(signal)
    this.#isUntidy = true
  }

  #publish(candidate: Candidate, trace: UpdateTrace | undefined, signal: AbortSignal) {
    const publishing = publishCandidate(candidate, this.#parts, signal)
    return trace?.publishing(publishing) ?? publishing
  }

  /** Call it after an update, once that was reported. */
  async tidy(): Promise<void> {
    if (!this.#isUntidy) return
    this.#isUntidy = false
    await removeOldVersions(this.#parts)
  }

  /** Undefined if nothing is traced. */
  #trace(block: readonly Example[]): UpdateTrace | undefined {
    const { loop, state } = this.#parts
    const { model, clock, onSpan } = loop
    if (onSpan === undefined || state.traces === undefined) return undefined
    const place = { positions: state.progress.positions, journals: state.journals }
    const traceparents = state.traces.of(block)
    return new UpdateTrace({ model, clock, onSpan, place, traceparents })
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

  #log(outcome: Outcome, version: string, decision: PublishedVersion['decision']): void {
    const { log } = this.#parts.loop
    const { learned, steps, dropped, alarm } = outcome
    logDropped(outcome, version, this.#parts)
    if (alarm) log.warn({ version, ...alarm }, 'the stream has changed')
    const { scores } = this.#parts.state.learner
    log.info({ version, ...decision, learned, steps, dropped, ...scores }, 'learned')
    this.#warn(version)
  }

  #warn(version: string): void {
    const { loop, state } = this.#parts
    for (const warning of loop.task.warnings?.(state.learner.head) ?? []) {
      if (this.#warned.has(warning)) continue
      this.#warned.add(warning)
      loop.log.warn({ version }, warning)
    }
  }
}

/** The examples that a step has learned. */
function learnedOf(block: readonly Example[], { unlearned = [] }: Outcome): readonly Example[] {
  const left = new Set(unlearned.map(({ key }) => key))
  return block.filter(({ key }) => !left.has(key))
}

async function unlessNotFinite<Result>(publishing: Promise<Result>): Promise<Result | CodedError> {
  try {
    return await publishing
  } catch (error) {
    if (error instanceof CodedError && error.code === 'VERSION_NOT_FINITE') return error
    throw error
  }
}

/**
 * Which versions a model keeps, after each update that published one.
 *
 * Removes the bytes of old versions that nothing may go back to. A failure leaves them for the next time.
 */
async function removeOldVersions({
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
