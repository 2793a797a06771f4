/** The facts of release decisions that the trainer has to compute: scores of weights other than the learner's. */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { PromotionFacts } from '../../contracts/policy.ts'
import type { Example } from '../../contracts/task.ts'
import { gateRows } from '../../evaluation/gate-rows.ts'
import type { LiveVersion } from '../../learner/learner-types.ts'
import { drive } from '../drive.ts'
import { weightsOf, type RestoreVersion } from '../start/restore-version.ts'
import type { LatentProvider } from '../sources/latent-provider.ts'
import { adapterText } from '../state.ts'

export interface GateParts extends RestoreVersion {
  readonly latents: LatentProvider
}

/** The live version, for a rollback policy that reads its scores; undefined if there is no rollback target. */
export async function liveVersion(
  parts: GateParts,
  signal: AbortSignal,
): Promise<LiveVersion | undefined> {
  const { loop, state } = parts
  const { live, parent } = state.progress.state
  if (!live?.previous) return undefined
  const { version } = live
  if (version === parent || loop.policies.rollback.looksAtScores === false) return { version }
  return { version, weights: (await weightsAt(version, parts, signal)) ?? 'unknown' }
}

/** Scores of the candidate, which the learner is now, and of the live version on the same rows. */
export async function promotionFacts(
  { before, block }: { readonly before: TrainableState; readonly block: readonly Example[] },
  parts: GateParts,
  signal: AbortSignal,
): Promise<Omit<PromotionFacts, 'version'>> {
  const { loop, state, latents } = parts
  const { learner } = state
  const prequential = learner.scores
  const none = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
  if (loop.policies.promotion.looksAtScores === false)
    return { rows: 0, from: 'none', candidate: none, prequential }
  const { from, rows } = gateRows(state.heldOut.rows, learner.remembered, block)
  if (rows.length === 0) return { rows: 0, from, candidate: none, prequential }
  const candidate = await drive(learner.scoresOn(rows), latents, signal)
  const facts = { rows: rows.length, from, candidate, prequential }
  const { live, parent } = state.progress.state
  if (live === null) return facts
  const isBefore = live.version === parent
  const weights = isBefore ? before : await weightsAt(live.version, parts, signal)
  if (weights === undefined) return facts
  return { ...facts, live: await drive(learner.scoresOn(rows, weights), latents, signal) }
}

/** For a version of this adapter; undefined if it has another. */
async function weightsAt(
  version: string,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<TrainableState | undefined> {
  const kept = state.snapshot(version)
  if (kept !== undefined) return kept.weights
  const load = () => loop.registry.load(version)
  const loaded = await retry.run(`loading ${version}`, load, signal)
  const isOther = adapterText(loaded.manifest.adapter) !== state.identity.adapter
  return isOther ? undefined : weightsOf(loaded, loop)
}
