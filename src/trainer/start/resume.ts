/**
 * How a trainer starts: from its checkpoint, if that belongs to this base, task and adapter; otherwise from the live
 * version of the registry; otherwise from a fresh adapter, which is published as the first version.
 */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { publishFirst, releaseAgain } from '../updates/candidate.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import { type SavedState, withExamples } from '../../checkpoint/saved.ts'
import { logAfter } from '../../checkpoint/event-log/contract.ts'
import { checkJournals } from '../../checkpoint/journals.ts'
import {
  beginAdapter,
  publishFresh,
  warmUpAdapter,
  type Beginning,
} from '../updates/fresh-adapter.ts'
import { restoreVersion, weightsOf, type RestoreVersion } from '../lineage/restore-version.ts'
import { checkNeverTrained, checkNotBehind, type Recovery } from '../../checkpoint/recovery.ts'
import { isHolding } from '../routing/moves.ts'
import { leaveJournals } from './moved-sources.ts'
import { adapterText, type TrainerState } from '../state.ts'
import { movedToBase, publishMoved, type SucceededState } from './succession.ts'
import type { Head } from '../../contracts/example.ts'
import type { Task, Renaming } from '../../contracts/task.ts'
import type { LearnerState } from '../../learner/learner-types.ts'

export async function resume(parts: Beginning, signal: AbortSignal): Promise<void> {
  const { state, loop } = parts
  const { recovery } = state.checkpoint
  const found = await savedOr(recovery, parts, signal)
  if (found === undefined) return beginWithout(parts, signal)
  const moved = movedTo(found, parts)
  if (moved !== undefined) state.checkpoint.rewrite()
  const saved = moved?.saved ?? found
  checkIdentity(saved, parts)
  if (recovery === undefined && loop.leaseTerm === undefined) await notBehind(saved, parts, signal)
  continueFrom(saved, parts)
  const journals = leaveJournals(parts, saved.journals ?? {})
  state.journals = checkJournals(loop.intake.sources, journals, saved.positions)
  if (state.learner.extend(loop.task.declared(state.learner.head))) state.learnerChanged()
  if (recovery !== undefined && state.learner.extend(remembered(saved, loop.task)))
    state.learnerChanged()
  if (recovery?.from === 'publish') await publishRecovered(recovery, parts, signal)
  const isFresh = saved.identity.adapter !== state.identity.adapter
  const warmed = isFresh ? await warmUpAdapter(saved, parts, signal) : undefined
  if (moved !== undefined) {
    const reason = [moved.reason, warmed ?? ''].filter((part) => part !== '').join('; ')
    return publishMoved(reason, parts, signal)
  }
  if (warmed !== undefined) return publishFresh(warmed, parts, signal)
  await publishRevision(parts, { isFresh }, signal)
  await state.save(signal)
}

async function notBehind(
  { progress }: SavedState,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<void> {
  const { path } = state.checkpoint
  const journaled = loop.intake.sources.filter(({ journal }) => journal !== undefined)
  const names = journaled.map(({ name }) => name)
  const check = async () => checkNotBehind(loop.registry, { path, progress }, names)
  await retry.run('comparing the checkpoint with the live version', check, signal)
}

/** The saved state with the present features and output names of the config, if they have changed. */
function movedTo(found: SavedState, parts: RestoreVersion): SucceededState | undefined {
  const moved = movedToBase(found, parts)
  const renamed = renamedIn(moved?.saved ?? found, parts)
  if (moved === undefined || renamed === undefined) return renamed ?? moved
  return { saved: renamed.saved, reason: `${moved.reason}; ${renamed.reason}` }
}

/** The checkpoint; where its weights are damaged, with those of the version that a recovery chose. */
async function savedOr(
  recovery: Recovery | undefined,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<SavedState | undefined> {
  if (recovery?.from !== 'weights') return state.checkpoint.load()
  const { version } = recovery
  const load = () => loop.registry.load(version)
  const weights = weightsOf(await retry.run(`loading ${version}`, load, signal), loop)
  loop.log.warn({ ...recovery }, 'going on with the weights of a version')
  return state.checkpoint.load(weights)
}

/** Weights of a version may be older than the outputs that replay refers to. */
function remembered(saved: SavedState, task: Task): Head {
  return task.named(saved.remembered.map(({ target }) => target))
}

/** The live version is unusable, and its content is here. */
async function publishRecovered(
  { reason, next }: Recovery,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<void> {
  const { progress } = parts.state
  progress.nameNext(next)
  progress.intend([])
  await releaseAgain(reason, parts, signal)
}

function continueFrom(saved: SavedState, { loop, state }: RestoreVersion): void {
  const { positions, pending, waiting, setAside } = saved
  const {
    trigger,
    turn,
    newestMs,
    setAsideNext = 0,
    line,
    rollout,
    defence,
    raters = [],
    arithmetic: was,
    ...progress
  } = saved.progress
  const { arithmetic } = loop.reports
  if (was !== undefined && arithmetic !== undefined && was !== arithmetic)
    loop.log.warn(
      { was, arithmetic },
      'steps are computed otherwise than those before: their last bits differ',
    )
  state.progress.restore(progress, positions)
  state.turn = turn
  state.stamp = saved.stamp
  state.waiting.restore(waiting, progress.triedAgain, newestMs)
  state.setAside.restore(setAside, setAsideNext)
  state.ahead.restore(saved.ahead ?? [])
  state.heldOut.restore(saved.heldOut ?? [])
  if (saved.compared !== undefined && saved.identity.adapter === state.identity.adapter)
    state.compared.restore(saved.compared)
  if (saved.served !== undefined) state.served.restore(saved.served)
  state.trials.restore(rollout)
  state.log.restore(saved.log ?? logAfter(progress.learned))
  state.forgetting.restore(saved.forgetting)
  for (const change of saved.rewrites ?? []) state.log.rewrite(change)
  if (saved.log === undefined) beginLog(saved, state)
  // Those of an earlier release may have fallen out of the log.
  for (const example of pending)
    if (state.log.stateOf(example.key) !== eventStates.pending)
      state.log.add({ key: example.key, example, state: eventStates.pending })
  if (line !== undefined) state.dedupe.restoreLine(line)
  if (saved.identity.adapter === state.identity.adapter) state.restoreLearner(saved)
  else beginAdapter(saved, { loop, state })
  state.learner.resume(pending, trigger)
  state.traces?.restore(saved.traces)
  state.raters.restore(raters)
  // Last: a restored learner would make it outdated.
  if (defence !== undefined) state.defence?.restore(defence)
}

/** For a checkpoint without an event log: its first rows are the events that are held. */
function beginLog({ waiting, setAside, heldOut = [] }: SavedState, { log }: TrainerState): void {
  for (const example of heldOut) log.add({ key: example.key, example, state: eventStates.held_out })
  for (const { key, what } of setAside)
    log.setAside({ key, ...(what.kind === 'example' && { example: what.example }) })
  for (const { key } of waiting) log.add({ key, state: eventStates.waiting })
}

async function beginWithout(parts: RestoreVersion, signal: AbortSignal): Promise<void> {
  const { loop, state, retry } = parts
  const read = () => loop.registry.live()
  const pointer = await retry.run('reading the live pointer', read, signal)
  const recovery = recoverPositions(parts)
  if (pointer === undefined) {
    const { number, version, decision } = await publishFirst(parts, signal)
    state.progress.wentTo(version, number + 1)
    state.progress.intend([{ version, by: 'start', reason: decision.reason }])
    state.progress.respects(loop.task.retired)
    return state.save(signal, version)
  }
  if (recovery === undefined && loop.leaseTerm === undefined)
    await checkNeverTrained(loop.registry, state.checkpoint.path)
  const { version } = pointer.live
  loop.log.warn({ version }, 'no checkpoint; going on from the live version')
  const manifest = await manifestOf(version, parts, signal)
  state.log.restore(logAfter(manifest.events))
  await restoreVersion(version, parts, signal)
  const next = await nextNumber(parts, signal)
  state.progress.wentTo(version, Math.max(next, recovery?.next ?? 0))
  state.progress.sawPointer(pointer)
  state.progress.learnedLive(pointer)
  if (isHolding(pointer, loop.afterRollback)) state.progress.pause(true)
  state.progress.respects(loop.task.retiredIn(manifest.facts))
  const isFresh = adapterText(manifest.adapter) !== state.identity.adapter
  await publishRevision(parts, { isFresh }, signal)
  await state.save(signal)
}

/** Where a recovery continues in the stream; otherwise at its start, in the present journals. */
function recoverPositions({ loop, state }: RestoreVersion): Recovery | undefined {
  const { recovery, positions, journals } = state.checkpoint
  state.journals = checkJournals(loop.intake.sources, journals, positions)
  if (recovery !== undefined)
    state.progress.restore({ ...state.progress.state, spanFrom: positions }, positions)
  return recovery
}

async function manifestOf(version: string, { loop, retry }: RestoreVersion, signal: AbortSignal) {
  const read = () => loop.registry.manifest(version)
  return retry.run(`reading the manifest of ${version}`, read, signal)
}

/** Above the number of every version, imported ones included. */
async function nextNumber({ loop, retry }: RestoreVersion, signal: AbortSignal): Promise<number> {
  const list = await retry.run('listing versions', () => loop.registry.list(1), signal)
  const numbers = list.map(({ manifest }) => /^v(\d+)/.exec(manifest.version)?.[1] ?? '-1')
  return 1 + Math.max(-1, ...numbers.map(Number))
}

function checkIdentity({ identity, weights }: SavedState, { loop, state }: RestoreVersion): void {
  const { base, task, settings } = state.identity
  if (identity.base !== base) {
    const [saved, present] = [identity.settings, settings].map(fieldsOf)
    const shown = (hash: string, own: Fields = {}, other: Fields = {}) =>
      [hash, ...differences(own, other)].join(', ')
    throw foreign(state, 'base', shown(identity.base, saved, present), shown(base, present, saved))
  }
  if (identity.task !== task) throw foreign(state, 'task', identity.task, task)
  const lost = loop.task.foreign(weights.head)
  if (lost !== undefined) throw foreign(state, lost.what, lost.saved, lost.present)
}

type Fields = Readonly<Record<string, Json>>

/** The definition of a base is JSON; one of text has none. */
function fieldsOf(settings = ''): Fields {
  return settings === '' ? {} : (JSON.parse(settings) as Fields)
}

/** The settings of one definition that another has otherwise. */
function differences(own: Fields, other: Fields): readonly string[] {
  if (Object.keys(other).length === 0) return []
  const fields = Object.entries(own).map(([name, value]) => [name, JSON.stringify(value)] as const)
  return fields
    .filter(([name, text]) => text !== JSON.stringify(other[name]))
    .map(([name, text]) => `${name}: ${text}`)
}

function foreign(state: TrainerState, what: string, saved: string, present: string) {
  return failure(
    'CHECKPOINT_FOREIGN',
    `${state.checkpoint.path} has ${what} ${saved}, the config ${present}`,
    { details: { path: state.checkpoint.path, what, saved, present } },
  )
}

/**
 * Restores a checkpoint after outputs were renamed: the columns of the head, the examples and the counts keep their
 * place under the new name. Events and predictions with the old name mean the new one.
 *
 * Undefined if the head has no output of an old name.
 */
function renamedIn(
  saved: SavedState,
  { loop }: Pick<RestoreVersion, 'loop'>,
): SucceededState | undefined {
  const renaming = loop.task.renaming(saved.weights.head)
  return renaming && { saved: renamed(saved, renaming), reason: renaming.reason }
}

function renamed(saved: SavedState, renaming: Renaming): SavedState {
  const rows = withExamples(saved, (row) => ({ ...row, target: renaming.target(row.target) }))
  const { weights, learnerState, memorised, progress, setAside } = rows
  return {
    ...rows,
    weights: { ...weights, head: renaming.head },
    learnerState: renaming.state(learnerState) as LearnerState,
    setAside: setAside.map((entry) =>
      entry.strata === undefined
        ? entry
        : { ...entry, strata: entry.strata.map((stratum) => renaming.name(stratum) as string) },
    ),
    progress: { ...progress, retired: renaming.state(progress.retired) },
    ...(memorised && {
      memorised: memorised.map((item) => ({ ...item, vote: renaming.name(item.vote) })),
    }),
  }
}

/**
 * Settings of the task that change the answers of the same weights, such as retired outputs. A version's answers depend
 * only on the version, so different settings require another version: once, when the trainer starts.
 *
 * The checkpoint stores the settings of the last version, and only different settings publish one: a crash changes
 * nothing, and a rollback to an earlier version restores its answers.
 *
 * Saves if it publishes a version. `isFresh`: the weights come from no version, and the next update publishes one
 * anyway.
 */
async function publishRevision(
  parts: RestoreVersion,
  { isFresh }: { readonly isFresh: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { loop, state } = parts
  const { progress, learner } = state
  const { task } = loop
  const reason = task.revised(learner.head, progress.state.retired)
  progress.respects(task.retired)
  if (isFresh || reason === undefined) return
  const version = await releaseAgain(reason, parts, signal)
  loop.log.info({ version, reason }, 'the settings of the task answer otherwise')
}
