/**
 * Restores the learner of a version: weights, optimizer, replay and random streams as they were when it was published.
 * A version without a snapshot (imported, or too old) gives its weights, with a fresh optimizer, and the present replay
 * stays unless it is undone; a version with another adapter gives nothing, and a fresh adapter starts.
 */
import { eventStates } from '../../checkpoint/event-log/states.ts'
import { isQuarantined } from '../../checkpoint/set-aside-events.ts'
import { isOfMemory } from '../../nn/memory.ts'
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Logger } from '../../contracts/core.ts'
import type { Version } from '../../versions/contract.ts'
import type { LearnerSnapshot } from '../../checkpoint/saved.ts'
import type { AdapterStart, LoopParts } from '../parts.ts'
import type { RetryPolicy } from '../../platform/retry.ts'
import { adapterText, type TrainerState } from '../state.ts'
import type { Head } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'

export interface RestoreVersion {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly retry: RetryPolicy
}

/**
 * Changes the learner and the progress; the caller saves. Returns whether it is known which events that version has
 * learned. `undoes`: events that the version has not learned are no longer replayed, which means all events if no
 * snapshot says what it has learned.
 */
export async function restoreVersion(
  version: string,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
  { undoes = false } = {},
): Promise<boolean> {
  const snapshot = state.snapshots.of(version)
  let lacking: readonly number[] = []
  if (snapshot !== undefined) {
    const left = await state.withoutErased(version, snapshot, signal)
    lacking = left.lacking
    restore(left.snapshot, loop, state)
    await markStaleMemory(version, { loop, state, retry }, signal)
  } else {
    const load = () => loop.registry.load(version)
    const loaded = await retry.run(`loading ${version}`, load, signal)
    state.log.continuesFrom(version, loaded.manifest.parent)
    if (!undoes) keepLine(version, state)
    const present = undoes ? withoutMemory(state.learnerState) : state.learnerState
    restore(
      { ...present, weights: weightsOf(loaded, loop) },
      loop,
      state,
      rehearsed(present, loop.task),
    )
  }
  const line = snapshot?.line
  const pending = undoes ? [] : state.learner.pending.map(({ key }) => key)
  if (line !== undefined) state.dedupe.goTo(line, pending)
  state.log.wentTo(version, lacking)
  forgetLearned(state, line !== undefined)
  // A person who promotes a version has decided that it is good enough, whatever was better.
  if (undoes) state.compared.goTo(version)
  else state.compared.clear()
  state.progress.wentTo(version)
  // A person has decided: later versions go live as usual.
  state.progress.setBar(undefined)
  state.progress.scored(state.learner.headline)
  return line !== undefined
}

/**
 * The memory in the version's files contains items that were retracted since: another version has to answer without
 * them.
 */
async function markStaleMemory(
  version: string,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<void> {
  const { learner } = state
  if (learner.memorised === undefined) return
  const read = () => loop.registry.manifest(version)
  const { memory } = await retry.run(`reading the manifest of ${version}`, read, signal)
  if ((memory?.items ?? 0) <= learner.memorised.length) return
  learner.memory?.markStale()
  state.learnerStateChanged()
}

/** As a trainable would have it that has made no step. */
export function freshWeights(start: AdapterStart, loop: LoopParts): TrainableState {
  const trainable = loop.adapter.openTrainable(start)
  try {
    return trainable.snapshot()
  } finally {
    trainable.dispose()
  }
}

/** The head needs the outputs declared in the settings since, and those of `remembered`. */
function restore(
  to: LearnerSnapshot,
  loop: LoopParts,
  state: TrainerState,
  remembered?: Head,
): void {
  state.restoreLearner(to)
  const { learner } = state
  if (learner.extend(loop.task.declared(learner.head, remembered))) state.learnerChanged()
}

/**
 * It may have learned some of the set-aside events. No version has learned the events in quarantine, though they were
 * accepted.
 */
function forgetLearned({ setAside, dedupe, learner, log }: TrainerState, isKnown: boolean): void {
  const rehearsed = new Set(learner.remembered.map(({ key }) => key))
  for (const { key, was } of setAside.entries) {
    if (isQuarantined({ was })) continue
    const isLearned = log.stateOf(key) === eventStates.learned
    if (!isLearned && !rehearsed.has(key) && !(isKnown && dedupe.has(key))) continue
    setAside.remove(key)
    log.wasSetAside(key, eventStates.learned)
  }
}

/**
 * Versions made from now on rehearse what the present line has learned, though `version` (undefined: a fresh adapter) has
 * not: a request to forget asks.
 */
export function keepLine(
  version: string | undefined,
  { log, progress }: Pick<TrainerState, 'log' | 'progress'>,
): void {
  const { parent, rehearsed = [] } = progress.state
  if (parent === null || parent === version) return
  const known = rehearsed.filter(({ of }) => log.versions.idOf(of) !== 0)
  const inherited = known.filter((each) => each.version === parent).map(({ of }) => of)
  const since = log.versions.next
  // A line that is kept already is so from an earlier version on: moving to and fro adds nothing.
  const isKept = (of: string) =>
    version !== undefined && known.some((each) => each.version === version && each.of === of)
  const own = [...new Set([parent, ...inherited])]
    .filter((of) => of !== version && !isKept(of))
    .map((of) => ({ ...(version !== undefined && { version }), of, since }))
  progress.rehearses([...known, ...own])
}

function withoutMemory({ memorised, ...present }: LearnerSnapshot): LearnerSnapshot {
  return { ...present, remembered: [], ...(memorised && { memorised: [] }) }
}

/** The outputs that the present memory refers to, in the order of the present head. */
function rehearsed({ weights, remembered }: LearnerSnapshot, task: Task): Head {
  return task.named(
    remembered.map(({ target }) => target),
    weights.head,
  )
}

/** Its weights, for a fresh optimizer. */
export function weightsOf({ manifest, parameters }: Version, loop: LoopParts): TrainableState {
  const { version } = manifest
  const head = loop.task.headOf(manifest.facts)
  // Items of memory are not in the weights, and the present memory stays.
  const own = new Map([...parameters].filter(([name]) => !isOfMemory(name)))
  if (adapterText(manifest.adapter) === adapterText(loop.adapter.config))
    return freshWeights({ head, parameters: own }, loop)
  warn(loop.log, version)
  return freshWeights({ head, parameters: loop.adapter.freshParameters(head) }, loop)
}

function warn(log: Logger, version: string): void {
  log.warn({ version }, 'the live version has another adapter; the trainer starts a fresh one')
}
