/**
 * Evaluates the candidate that an update has made: how much lower its loss is on rows that it trained on, what the promotion
 * policy compares and, where the task answers with texts, how far it is from the base. All of it together may cost a
 * fifth of learning, counted in rows that go forward. All but that distance shares one pass, because each pass has a cost of its own.
 */
import type { PromotionFacts, KlReport } from '../../contracts/release.ts'
import { rowBudget, gateRows } from '../../evaluation/gate-rows.ts'
import { drive } from '../sources/latents.ts'
import type { Example, Score } from '../../contracts/example.ts'
import type { LossSum } from '../../evaluation/loss-gap.ts'
import { noSums, withScore } from '../../evaluation/running-scores.ts'
import {
  comparesRows,
  gateTurn,
  storeAnswers,
  type GateComparison,
  type GateParts,
  promotionFacts,
} from './gate.ts'
import { offPolicyFacts } from './off-policy.ts'

/** `isTrained: false`: only memory has changed, so neither gap nor distance has. */
export async function evaluateCandidate(
  compared: GateComparison,
  parts: GateParts,
  signal: AbortSignal,
  { isTrained = true } = {},
): Promise<Omit<PromotionFacts, 'version'>> {
  const { loop, state, latents } = parts
  const { learner } = state
  const budget = rowBudget(compared.size, loop.comparison?.rowCost)
  const distant = isTrained ? klRows(compared, budget, parts) : undefined
  const gap = isTrained ? gapTurn(compared, budget, parts) : undefined
  const trained = gap?.trained ?? []
  // Held-out rows that are answered for the policy also show what no update has learned; answers with memory do not.
  const isShared = comparesRows(parts) && learner.memorised === undefined
  const unseen = isShared ? [] : (gap?.unseen ?? [])
  const spent = trained.length + unseen.length + KL_ROW_COST * (distant?.rows.length ?? 0)
  const gate = gateTurn(compared, Math.max(1, budget - spent), parts)
  const asked = [...(gate?.held ?? []), ...(gate?.golden ?? [])]
  const rows = { byHead: [...trained, ...unseen], withMemory: asked }
  const scores = await drive(learner.scoring.presentOn(rows), latents, signal)
  if (gap !== undefined) {
    const isHeldOut = isShared && gate?.from === 'held-out'
    const held = isHeldOut ? scores.withMemory.slice(0, gate.held.length) : []
    const ofUnseen = isShared ? held : scores.byHead.slice(trained.length)
    observeGap({ trained: scores.byHead.slice(0, trained.length), unseen: ofUnseen }, parts)
  }
  if (distant !== undefined) await measureKl(distant, parts, signal)
  // Where a policy needs it, that of the present weights is always known.
  const isKnown = distant !== undefined || (!isTrained && needsKl(loop))
  const { kl } = isKnown ? learner.measures : {}
  if (gate !== undefined) await storeAnswers(gate, scores.withMemory, compared, parts, signal)
  const offPolicy = await offPolicyFacts(compared, parts, signal)
  return { ...promotionFacts(gate, parts), ...(kl && { kl }), ...(offPolicy && { offPolicy }) }
}

/** Counted, so that they are the same after a crash and on any machine. */
const [FEWEST_KL_ROWS, MOST_KL_ROWS] = [4, 32]

/** The share of the rows that evaluating a candidate may cost. An update that pays for too few rows is measured in turn, after others of its size. */
const KL_SHARE = 1 / 2

/** The outputs of the base are computed beside its own. */
const KL_ROW_COST = 2

interface KlTurn {
  readonly rows: readonly Example[]
  readonly from: KlReport['from']
}

/**
 * The rows on which an update measures how far it has taken the texts of a model from those of its base. Undefined if the task
 * does not answer with texts, or if it is not its turn and no policy needs it.
 */
function klRows(
  { block }: Pick<GateComparison, 'block'>,
  budget: number,
  { loop, state }: GateParts,
): KlTurn | undefined {
  if (loop.task.texts === undefined) return undefined
  const { learner, heldOut, progress } = state
  const { from, rows } = gateRows(heldOut.rows, learner.remembered, block)
  const some = (from === 'none' ? block : rows).filter(({ target }) => loop.task.isTest(target))
  if (some.length === 0) return undefined
  const affordable = Math.floor((KL_SHARE * budget) / KL_ROW_COST)
  const count = Math.min(MOST_KL_ROWS, Math.max(FEWEST_KL_ROWS, affordable))
  const turns = Math.ceil(count / Math.max(1, affordable))
  const isTurn = learner.measures.kl === undefined || progress.state.next % turns === 0
  if (!isTurn && !needsKl(loop)) return undefined
  return { rows: some.slice(0, count), from: from === 'none' ? 'new' : from }
}

async function measureKl(
  { rows, from }: KlTurn,
  { state, latents }: GateParts,
  signal: AbortSignal,
): Promise<void> {
  await drive(state.learner.measures.measureKl(rows, from), latents, signal)
  state.learnerStateChanged()
}

function needsKl({ policies }: GateParts['loop']): boolean {
  return policies.promotion.needs?.kl === true
}

/** For each of the two kinds, this share of the rows that evaluating a candidate may cost. */
const GAP_SHARE = 1 / 8
const MOST_GAP_ROWS = 16

interface GapTurn {
  /** Empty if the update's own step has shown the loss of the rows that it replayed. */
  readonly trained: readonly Example[]
  /** Empty if nothing is held out. */
  readonly unseen: readonly Example[]
}

/** The rows for the gap between the losses of rows that an update has trained on and of rows that none has; undefined if it is not measured. */
function gapTurn(
  { block }: Pick<GateComparison, 'block'>,
  budget: number,
  { loop, state }: GateParts,
): GapTurn | undefined {
  if (loop.lossGap === undefined) return undefined
  const { heldOut, progress } = state
  const { updates } = state.learner
  const count = Math.min(MOST_GAP_ROWS, Math.max(1, Math.floor(GAP_SHARE * budget)))
  return {
    trained: updates.replayedLoss === undefined ? updates.trainedOn(block, count) : [],
    unseen: nextOf(heldOut.rows, count, progress.state.next),
  }
}

function observeGap(
  scores: { readonly trained: readonly Score[]; readonly unseen: readonly Score[] },
  { loop, state }: GateParts,
): void {
  const { learner } = state
  const isNew = learner.measures.lossGap?.warning === undefined
  learner.measures.observeLosses({
    trained: learner.updates.replayedLoss ?? lossOf(scores.trained),
    prequential: learner.scoreboard.losses,
    ...(scores.unseen.length > 0 && { heldOut: lossOf(scores.unseen) }),
  })
  state.learnerStateChanged()
  const { warning, from } = learner.measures.lossGap ?? {}
  if (!isNew || warning === undefined) return
  // New examples of a stream that changes look the same as overfitting: only held-out rows tell them apart.
  const level = from === 'held-out' ? 'warn' : 'info'
  loop.log[level]({ ...learner.measures.lossGap }, warning)
}

function lossOf(scores: readonly Score[]): LossSum {
  const { lossSum, lossCount } = scores.reduce(withScore, noSums)
  return { sum: lossSum, count: lossCount }
}

/** Each update scores the next ones, so that all have their turn. */
function nextOf(rows: readonly Example[], count: number, turn: number): readonly Example[] {
  if (rows.length === 0) return []
  const start = (turn * count) % rows.length
  return [...rows.slice(start), ...rows.slice(0, start)].slice(0, count)
}
