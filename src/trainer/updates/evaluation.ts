/**
 * Evaluates the candidate that an update has made: how much lower its loss is on rows that it trained on, what the promotion
 * policy compares and, where the task answers with texts, how far it is from the base. All of it together may cost a
 * fifth of learning, counted in rows that go forward. All but that distance shares one pass, because each pass has a cost of its own.
 */
import type { PromotionFacts } from '../../contracts/release.ts'
import { rowBudget } from '../../evaluation/gate-rows.ts'
import { drive } from '../drive.ts'
import {
  comparesRows,
  gateTurn,
  storeAnswers,
  type Compared,
  type GateParts,
} from './gate-answers.ts'
import { promotionFacts } from './gate-facts.ts'
import { KL_ROW_COST, klRows, measureKl } from './kl-turn.ts'
import { gapTurn, observeGap } from './loss-gap-turn.ts'

/** `isTrained: false`: only memory has changed, so neither gap nor distance has. */
export async function evaluateCandidate(
  compared: Compared,
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
  const scores = await drive(learner.presentOn(rows), latents, signal)
  if (gap !== undefined) {
    const isHeldOut = isShared && gate?.from === 'held-out'
    const held = isHeldOut ? scores.withMemory.slice(0, gate.held.length) : []
    const ofUnseen = isShared ? held : scores.byHead.slice(trained.length)
    observeGap({ trained: scores.byHead.slice(0, trained.length), unseen: ofUnseen }, parts)
  }
  if (distant !== undefined) await measureKl(distant, parts, signal)
  if (gate !== undefined) await storeAnswers(gate, scores.withMemory, compared, parts, signal)
  return promotionFacts(gate, parts)
}
