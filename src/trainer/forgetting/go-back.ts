/**
 * Takes the learner back to before the events to forget: to the newest version that had not seen them, with its
 * optimizer, replay, random streams and trigger. If no such version has a snapshot, to the weights of one, with the
 * rest fresh; if there is no such version, to a fresh adapter.
 */
import type { Example } from '../../contracts/example.ts'
import type { TriggerState } from '../../learner/learner-types.ts'
import { freshWeights, restoreVersion, weightsOf } from '../lineage/restore-version.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import type { ForgetPlan } from '../lineage/plan.ts'
import { isThere, MOST_ANCESTORS, parentOf } from '../lineage/tainted.ts'

/** `version` undefined: a fresh adapter. `isLoadable`: it can become live. */
export interface Target {
  readonly version: string | undefined
  readonly isLoadable: boolean
}

/** Changes nothing. */
export async function targetOf(
  plan: ForgetPlan,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<Target> {
  const fallback: string[] = []
  for await (const version of cleanVersions(plan, parts, signal)) {
    const isLoadable = await isThere(version, parts, signal)
    if (parts.state.checkpoint.hasSnapshot(version)) return { version, isLoadable }
    if (isLoadable) fallback.push(version)
  }
  const [version] = fallback
  return { version, isLoadable: version !== undefined }
}

/** Of the newest moves, among which a version is looked for that was live. */
const MOVES = 1000

/**
 * The version to answer until the rest is learned again. It was live before, because going back must not release what a
 * policy held, or what a person has not seen. Undefined: there is none.
 */
export async function routedOf(
  plan: ForgetPlan,
  { live, retiring }: { readonly live: string | undefined; readonly retiring: readonly string[] },
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (live === undefined) return undefined
  if (!retiring.includes(live)) return live
  const { loop, retry } = parts
  const read = () => loop.registry.history(MOVES)
  const moves = await retry.run('reading the moves of the live pointer', read, signal)
  const released = new Set(moves.map((move) => move.live.version))
  for await (const version of cleanVersions(plan, parts, signal))
    if (released.has(version) && (await isThere(version, parts, signal))) return version
  return undefined
}

interface RoutedVersions {
  readonly live: string | undefined
  /** The version to answer that is without them, if one was live before. */
  readonly routed: string | undefined
}

/**
 * The examples that exact sums lose by subtraction, so that nothing is learned again; undefined: the line is rebuilt. What
 * is left of changes that no policy has released must not be released by this.
 */
export function subtractableOf(
  plan: ForgetPlan,
  { live, routed }: RoutedVersions,
  state: RestoreVersion['state'],
): readonly Example[] | undefined {
  const isAnswering = routed !== undefined || isReleased(live, routed, state)
  return isAnswering && !plan.isBeyondLog ? state.subtractable(plan) : undefined
}

/** Whether the version that is left answers next: the one that it was made from does now. */
export function isReleased(
  live: string | undefined,
  routed: string | undefined,
  { progress }: RestoreVersion['state'],
): boolean {
  return live === progress.state.parent && routed !== live
}

async function* cleanVersions(
  { clean, isBeyondLog }: ForgetPlan,
  parts: RestoreVersion,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield* clean
  if (isBeyondLog) return
  const { log, progress } = parts.state
  const oldest = log.versions.ancestry(progress.state.parent ?? '').at(-1)?.version
  let version = oldest ?? progress.state.parent
  if (oldest === undefined && version !== null) yield version
  for (let at = 0; at < MOST_ANCESTORS && version !== null; at += 1) {
    version = await parentOf(version, parts, signal)
    if (version !== null) yield version
  }
}

/** Nothing waits for an update afterwards; the caller saves. */
export async function goBackTo(
  { version }: Target,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<void> {
  const { state, loop, retry } = parts
  const kept = version === undefined ? undefined : state.snapshots.of(version)
  if (version !== undefined && kept !== undefined) {
    await restoreVersion(version, parts, signal, { undoes: true })
    restart(kept.trigger, parts)
    return
  }
  const loaded =
    version === undefined
      ? undefined
      : await retry.run(`loading ${version}`, () => loop.registry.load(version), signal)
  const { start: head } = loop.task
  const fresh = () => freshWeights({ head, parameters: loop.adapter.freshParameters(head) }, loop)
  state.restoreLearner({
    weights: loaded === undefined ? fresh() : weightsOf(loaded, loop),
    learnerState: state.begun.learnerState,
    remembered: [],
    ...(state.learner.memorised && { memorised: [] }),
  })
  if (state.learner.extend(loop.task.declared(state.learner.head))) state.learnerChanged()
  restart(undefined, parts)
  state.compared.clear()
  state.progress.setBar(undefined)
  state.progress.scored(state.learner.headline)
  if (version === undefined) state.progress.startedFresh()
  else {
    state.log.wentTo(version)
    state.progress.wentTo(version)
  }
}

function restart(trigger: TriggerState | undefined, { state }: RestoreVersion): void {
  state.learner.dropPending()
  state.learner.resume([], trigger ?? state.begun.trigger)
}
