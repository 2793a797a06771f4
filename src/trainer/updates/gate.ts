/**
 * The answers that release decisions compare, and the facts that follow from them: as many rows as an update pays for go forward,
 * in one pass of the candidate. The live version has answered most rows when it was a candidate itself.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { RowOrigin, GoldenOutcome, PromotionFacts } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import {
  comparison,
  gateRows,
  nextRows,
  type UpdateSize,
  type GoldenRow,
} from '../../evaluation/gate-rows.ts'
import { type Outcome as RowAnswer, PERIODS } from '../../evaluation/row-history.ts'
import type { VersionState } from '../../learner/learner-types.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { type LatentProvider, drive } from '../sources/latents.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import { noSums, scoresOf, withScore } from '../../evaluation/running-scores.ts'
import type { HeldOutScores } from '../contract.ts'
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
interface GateTurn {
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
  const others = await drive(learner.scoring.versionOn(lacking, live.state), latents, signal)
  for (const [at, { key }] of lacking.entries())
    compared.answeredLive(key, live.number, answerAt(others, at))
}

/** The number of the next version. */
function numberOf({ state }: RestoreVersion): number {
  return state.progress.state.next
}

function answerAt(scores: readonly RowAnswer[], at: number): RowAnswer {
  return scores[at] ?? { error: 1, loss: 0 }
}

export async function liveState(
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

/**
 * The facts of a release decision, from the stored answers: how the candidate and the versions before it have answered the rows of
 * the comparison; without a turn, none.
 */
export function promotionFacts(
  turn: GateTurn | undefined,
  parts: RestoreVersion,
): Omit<PromotionFacts, 'version'> {
  const { loop, state } = parts
  const { scores: prequential, scoreboard } = state.learner
  const { sliceGap } = scoreboard.quality
  const ofLine = { prequential, ...(sliceGap && { sliceGap }) }
  const none = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
  if (turn === undefined) return { rows: 0, from: 'none', candidate: none, ...ofLine }
  const { from, rows } = turn
  const golden = loop.comparison?.golden ?? []
  const scores = scoresOn(rows, parts)
  const isKept = (version: string) => golden.length > 0 && state.checkpoint.hasSnapshot(version)
  return {
    ...(scores ?? { rows: 0, candidate: none }),
    from,
    ...ofLine,
    outcomes: rows.flatMap((row) => outcomeOf(row, parts)),
    periods: state.compared.periods,
    golden: golden.flatMap((row) => goldenOutcome(row, parts) ?? []),
    goldenVersions: state.compared.lately.filter(isKept),
  }
}

/** How live versions have answered the held-out rows, each by its newest answer; undefined where none is answered. */
export function heldOutScores({
  heldOut,
  compared,
}: Pick<RestoreVersion['state'], 'heldOut' | 'compared'>): HeldOutScores | undefined {
  const answers = heldOut.rows.flatMap(({ key }) => compared.live(key) ?? [])
  if (answers.length === 0) return undefined
  const { count, accuracy, loss } = summed(answers)
  return { count, accuracy, loss }
}

/** The candidate that these facts are of has become live. */
export function promoteCompared({ loop, state }: RestoreVersion, number: number): void {
  const { versions = 0 } = loop.policies.promotion.needs ?? {}
  const { learned } = state.learner.updates.progress
  const golden = (loop.comparison?.golden ?? []).map(({ example }) => example.key)
  state.compared.promoted(number, learned, Math.ceil(versions / PERIODS), golden)
}

/** Both on the rows that this candidate has answered and the live version has too; on all of them where it has none. */
function scoresOn(
  rows: readonly Example[],
  parts: RestoreVersion,
): Pick<PromotionFacts, 'rows' | 'candidate' | 'live'> | undefined {
  const { compared } = parts.state
  const fresh = rows.flatMap(({ key }) => {
    const own = compared.line(key, numberOf(parts))
    return own?.isFresh === true ? [{ own, live: compared.live(key) }] : []
  })
  const paired = fresh.flatMap(({ own, live }) => (live === undefined ? [] : [{ own, live }]))
  if (fresh.length === 0) return undefined
  if (paired.length === 0)
    return { rows: fresh.length, candidate: summed(fresh.map(({ own }) => own)) }
  const [candidate, live] = [paired.map(({ own }) => own), paired.map(({ live }) => live)]
  return { rows: paired.length, candidate: summed(candidate), live: summed(live) }
}

function summed(answers: readonly RowAnswer[]) {
  const sums = answers.reduce((sums, each) => withScore(sums, { ...each, answer: null }), noSums)
  return scoresOf(sums)
}

function goldenOutcome(
  { file, line, example: { key, target } }: GoldenRow,
  parts: RestoreVersion,
): GoldenOutcome | undefined {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  if (own === undefined) return undefined
  const usual = state.compared.usual(key)
  const wrongIn = state.compared.wrongIn(key)
  return {
    ...{ file, line, error: own.error, strata: loop.task.strata(target) },
    ...{ streak: state.compared.streak(key), ...state.compared.seen(key) },
    likelihood: Math.exp(-own.loss),
    ...(usual !== undefined && { usual }),
    ...(wrongIn.length > 0 && { wrongIn }),
  }
}

function outcomeOf({ key, target, slice }: Example, parts: RestoreVersion) {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  const live = state.compared.live(key)
  if (own === undefined) return []
  return [
    {
      strata: loop.task.strata(target),
      ...(slice !== undefined && { slice }),
      candidate: own.error,
      isFresh: own.isFresh,
      ...(live && { live: live.error }),
      past: state.compared.past(key),
    },
  ]
}
