/**
 * The answers that release decisions compare: as many rows as an update pays for go forward, in one pass of the candidate.
 * The live version has answered most rows when it was a candidate itself.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { RowOrigin } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import { comparison, gateRows, nextRows, type UpdateSize } from '../../evaluation/gate-rows.ts'
import type { Outcome as RowAnswer } from '../../evaluation/row-history.ts'
import type { VersionState } from '../../learner/learner-types.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { drive } from '../drive.ts'
import type { LatentProvider } from '../sources/latent-provider.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import { versionState } from './live-version.ts'

export interface GateParts extends RestoreVersion {
  readonly latents: LatentProvider
}

/** The candidate, which the learner is now. */
export interface GateComparison {
  /** The weights before the update. */
  readonly before: TrainableState
  readonly block: readonly Example[]
  readonly size: UpdateSize
}

/** What a release decision compares, and what is answered for it now. */
export interface GateTurn {
  readonly from: RowOrigin
  /** All that it compares, whether they are answered now or not. */
  readonly rows: readonly Example[]
  /** The candidate answers these now: rows of the comparison, and examples of the policy's file. */
  readonly held: readonly Example[]
  readonly golden: readonly Example[]
  /** Those that the live version answers now. */
  readonly lacking: readonly Example[]
}

/** Whether rows of a comparison are answered: for the promotion policy, and to report how good the live version is on held-out ones. */
export function comparesRows({ loop, state }: GateParts): boolean {
  return loop.policies.promotion.looksAtScores !== false || state.heldOut.size > 0
}

/** Undefined if no rows are compared. `budget`: rows that may go forward. */
export function gateTurn(
  { block }: Pick<GateComparison, 'block'>,
  budget: number,
  parts: GateParts,
): GateTurn | undefined {
  if (!comparesRows(parts)) return undefined
  const { loop, state } = parts
  const { compared, heldOut, learner } = state
  // Where nothing is decided by them, the live version keeps the answers that it gave as a candidate.
  const isDecided = loop.policies.promotion.looksAtScores !== false
  const { from, rows } = gateRows(heldOut.rows, learner.remembered, block)
  const examples = (loop.comparison?.golden ?? []).map(({ example }) => example)
  compared.begin(
    canonicalJson(learner.head),
    [...rows, ...examples].map(({ key }) => key),
  )
  const answeredBy = ({ key }: Example) => compared.answeredBy(key)
  const golden = nextRows(examples, Math.floor(budget / 2), answeredBy)
  const { own, live } = comparison(rows, {
    budget: budget - golden.length,
    start: loop.comparison?.rowCost?.start ?? 0,
    answeredBy,
    lacksLive: ({ key }) => isDecided && compared.live(key) === undefined,
  })
  return { from, rows, held: own, golden, lacking: live }
}

/** Stores how the candidate answered `held` and `golden`, in this order, and lets the live version answer what it lacks. */
export async function storeAnswers(
  { held, golden, lacking }: GateTurn,
  own: readonly RowAnswer[],
  { before }: Pick<GateComparison, 'before'>,
  parts: GateParts,
  signal: AbortSignal,
): Promise<void> {
  const { state, latents } = parts
  const { compared, learner } = state
  const version = numberOf(parts)
  for (const [at, { key }] of [...held, ...golden].entries())
    compared.answered(key, version, answerAt(own, at))
  const live = lacking.length > 0 ? await liveState(before, parts, signal) : undefined
  if (live === undefined) return
  const others = await drive(learner.scoresOn(lacking, live.state), latents, signal)
  for (const [at, { key }] of lacking.entries())
    compared.answeredLive(key, live.number, answerAt(others, at))
}

/** The number of the next version. */
export function numberOf({ state }: RestoreVersion): number {
  return state.progress.state.next
}

function answerAt(scores: readonly RowAnswer[], at: number): RowAnswer {
  return scores[at] ?? { error: 1, loss: 0 }
}

async function liveState(
  before: TrainableState,
  parts: GateParts,
  signal: AbortSignal,
): Promise<{ readonly number: number; readonly state: VersionState } | undefined> {
  const { live, parent } = parts.state.progress.state
  if (live === null) return undefined
  const number = Number(/^v(\d+)$/.exec(live.version)?.[1] ?? 0)
  const isBefore = live.version === parent && parts.state.learner.memorised === undefined
  if (isBefore) return { number, state: { weights: before } }
  const state = await versionState(live.version, parts, signal)
  return state && { number, state }
}
