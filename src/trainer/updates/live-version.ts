/** Versions other than the learner's own: the live one and the one that a rollback policy compares with. */
import { CodedError } from '../../contracts/core.ts'
import type { LiveVersion, VersionState } from '../../learner/learner-types.ts'
import { weightsOf, type RestoreVersion } from '../lineage/restore-version.ts'
import { adapterText } from '../state.ts'

/** The live version, for a rollback policy that reads its scores; undefined if there is no rollback target. */
export async function liveVersion(
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<LiveVersion | undefined> {
  const { loop, state } = parts
  const { live, parent } = state.progress.state
  if (live === null) return undefined
  const reference = await referenceVersion(parts, signal)
  if (!live.previous && reference === undefined && loop.policies.rollback.reference === undefined)
    return undefined
  const { version } = live
  if (version === parent || loop.policies.rollback.looksAtScores === false)
    return { version, reference }
  return {
    version,
    reference,
    ...((await versionState(version, parts, signal)) ?? { weights: 'unknown' }),
  }
}

/** The version that the rollback policy compares the live one with; undefined if there is none any more. */
async function referenceVersion(
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<LiveVersion['reference']> {
  const { loop, state } = parts
  const version = loop.policies.rollback.reference?.()
  if (version === undefined) return undefined
  // A version never changes, and reading one takes longer than comparing with it.
  if (state.reference?.version === version) return state.reference
  const found = await unlessGone(versionState(version, parts, signal))
  state.reference = found && { version, weights: found.weights }
  return state.reference
}

async function unlessGone<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof CodedError && !error.retriable) return undefined
    throw error
  }
}

/** The parts of a version that answer; undefined if it has another adapter. */
export async function versionState(
  version: string,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<VersionState | undefined> {
  const { state } = parts
  // It never changes, and reading it takes longer than comparing with it.
  if (state.compareTo?.version === version) return state.compareTo
  const found = await readVersion(version, parts, signal)
  if (found !== undefined && found.memorised === undefined)
    state.compareTo = { version, weights: found.weights }
  return found
}

async function readVersion(
  version: string,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<VersionState | undefined> {
  const hasMemory = state.learner.memorised !== undefined
  const snapshot = hasMemory ? state.snapshots.of(version) : undefined
  const weights = snapshot?.weights ?? state.snapshots.weightsOf(version)
  if (weights !== undefined) return { weights, memorised: snapshot?.memorised }
  const load = () => loop.registry.load(version)
  const loaded = await retry.run(`loading ${version}`, load, signal)
  const isOther = adapterText(loaded.manifest.adapter) !== state.identity.adapter
  return isOther ? undefined : { weights: weightsOf(loaded, loop) }
}
