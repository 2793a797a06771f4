/** The facts of release decisions that the trainer has to compute: answers of other versions than the learner's. */
import type { TrainableState } from '../../contracts/adapter.ts'
import { CodedError } from '../../contracts/core.ts'
import type { GoldenOutcome, PromotionFacts } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import { gateRows, nextRows, rowBudget, type UpdateSize } from '../../evaluation/gate-rows.ts'
import type { GoldenRow } from '../../evaluation/golden-rows.ts'
import { PERIODS, type Outcome as RowAnswer } from '../../evaluation/row-history.ts'
import { noSums, scoresOf, withScore } from '../../evaluation/running-scores.ts'
import type { LiveVersion, VersionState } from '../../learner/learner-types.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { drive } from '../drive.ts'
import { weightsOf, type RestoreVersion } from '../start/restore-version.ts'
import type { LatentProvider } from '../sources/latent-provider.ts'
import { adapterText } from '../state.ts'

export interface GateParts extends RestoreVersion {
  readonly latents: LatentProvider
}

/** The candidate, which the learner is now. */
export interface Compared {
  /** The weights before the update. */
  readonly before: TrainableState
  readonly block: readonly Example[]
  readonly size: UpdateSize
}

/** The live version, for a rollback policy that reads its scores; undefined if there is no rollback target. */
export async function liveVersion(
  parts: GateParts,
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
  parts: GateParts,
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

/** How the candidate and the versions before it answer the rows of the comparison. */
export async function promotionFacts(
  compared: Compared,
  parts: GateParts,
  signal: AbortSignal,
): Promise<Omit<PromotionFacts, 'version'>> {
  const { loop, state } = parts
  const { scores: prequential, sliceGap, kl } = state.learner
  const ofLine = { prequential, ...(sliceGap && { sliceGap }), ...(kl && { kl }) }
  const none = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
  if (loop.policies.promotion.looksAtScores === false)
    return { rows: 0, from: 'none', candidate: none, ...ofLine }
  const { from, rows } = gateRows(state.heldOut.rows, state.learner.remembered, compared.block)
  const golden = loop.comparison?.golden ?? []
  const keys = [...rows, ...golden.map(({ example }) => example)].map(({ key }) => key)
  state.compared.begin(canonicalJson(state.learner.head), keys)
  await answer(rows, compared, parts, signal)
  const scores = scoresOn(rows, parts)
  const kept = state.compared.lately.filter((version) => state.checkpoint.hasSnapshot(version))
  return {
    ...(scores ?? { rows: 0, candidate: none }),
    from,
    ...ofLine,
    outcomes: rows.flatMap((row) => outcomeOf(row, parts)),
    periods: state.compared.periods,
    golden: golden.flatMap((row) => goldenOutcome(row, parts) ?? []),
    goldenVersions: kept,
  }
}

/** The candidate that these facts are of has become live. */
export function promoteCompared({ loop, state }: RestoreVersion, number: number): void {
  const { versions = 0 } = loop.policies.promotion.needs ?? {}
  const { learned } = state.learner.progress
  const golden = (loop.comparison?.golden ?? []).map(({ example }) => example.key)
  state.compared.promoted(number, learned, Math.ceil(versions / PERIODS), golden)
}

/** The number of the next version. */
function numberOf({ state }: RestoreVersion): number {
  return state.progress.state.next
}

/** Lets the candidate answer as many rows as its update pays for, and the live version those that it never has. */
async function answer(
  rows: readonly Example[],
  { before, size }: Compared,
  parts: GateParts,
  signal: AbortSignal,
): Promise<void> {
  const { loop, state, latents } = parts
  const { compared, learner } = state
  const answeredBy = ({ key }: Example) => compared.answeredBy(key)
  const budget = rowBudget(size, loop.comparison?.rowCost)
  const examples = (loop.comparison?.golden ?? []).map(({ example }) => example)
  const golden = nextRows(examples, {
    answeredBy,
    budget: Math.max(1, Math.floor(budget / 2)),
  })
  const lacksLive = ({ key }: Example) => compared.live(key) === undefined
  const left = { answeredBy, budget: budget - golden.length }
  const held = nextRows(rows, left, (row) => (lacksLive(row) ? 2 : 1))
  const lacking = held.filter(lacksLive)
  const all = [...held, ...golden]
  const own = await drive(learner.scoresOn(all), latents, signal)
  const version = numberOf(parts)
  for (const [at, { key }] of all.entries()) compared.answered(key, version, answerAt(own, at))
  const live = lacking.length > 0 ? await liveState(before, parts, signal) : undefined
  if (live === undefined) return
  const others = await drive(learner.scoresOn(lacking, live.state), latents, signal)
  for (const [at, { key }] of lacking.entries())
    compared.answeredLive(key, live.number, answerAt(others, at))
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

/** Both on the rows that this candidate has answered and the live version has too; on all of them where it has none. */
function scoresOn(
  rows: readonly Example[],
  parts: GateParts,
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
  parts: GateParts,
): GoldenOutcome | undefined {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  if (own === undefined) return undefined
  const usual = state.compared.usual(key)
  const wrongIn = state.compared.wrongIn(key)
  return {
    ...{ file, line, error: own.error, stratum: loop.task.stratum(target) },
    ...{ streak: state.compared.streak(key), ...state.compared.seen(key) },
    likelihood: Math.exp(-own.loss),
    ...(usual !== undefined && { usual }),
    ...(wrongIn.length > 0 && { wrongIn }),
  }
}

function outcomeOf({ key, target, slice }: Example, parts: GateParts) {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  const live = state.compared.live(key)
  if (own === undefined) return []
  return [
    {
      stratum: loop.task.stratum(target),
      ...(slice !== undefined && { slice }),
      candidate: own.error,
      isFresh: own.isFresh,
      ...(live && { live: live.error }),
      past: state.compared.past(key),
    },
  ]
}

/** The parts of a version that answer; undefined if it has another adapter. */
async function versionState(
  version: string,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<VersionState | undefined> {
  const kept = state.snapshot(version)
  if (kept !== undefined) return { weights: kept.weights, memorised: kept.memorised }
  const load = () => loop.registry.load(version)
  const loaded = await retry.run(`loading ${version}`, load, signal)
  const isOther = adapterText(loaded.manifest.adapter) !== state.identity.adapter
  return isOther ? undefined : { weights: weightsOf(loaded, loop) }
}
