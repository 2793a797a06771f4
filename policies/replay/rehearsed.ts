/** How the examples of a reservoir are replayed: by stored logits, against fewer labels, or those in danger first. */
import type { LossPart, PolicyKind, Replay, StepRow } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'
import { bounds, openBuffer, type Bounds } from './buffer.ts'
import { keepAnyEqually } from './kept.ts'

const alpha = number([0, 100], 0.5, 'weight of the distance to the stored logits')

/**
 * Dark experience replay: each example is stored with the logits that the learner gave before learning it, and replay
 * uses these instead of its label.
 *
 *   L = L(new) + α · ¹⁄ₙ Σᵢ ¹⁄ₖ ‖zᵢ − hᵢ‖²      over n replayed examples with k stored logits h; z the present ones
 *
 * Buzzega et al. (2020), "Dark experience for general continual learning: a strong, simple baseline", NeurIPS.
 *
 *     replay: { policy: der, alpha: 0.3 }
 */
export const der: PolicyKind<Replay, Bounds & Readonly<Record<'alpha', number>>> = {
  summary: 'a reservoir with logits; replays these instead of labels',
  settings: { ...bounds, alpha },
  open: ({ alpha, ...settings }) =>
    openBuffer(settings, keepAnyEqually, {
      keepsLogits: true,
      parts: ({ fresh, replayed }) => ({
        fresh: byTarget(fresh),
        replayed: replayed.map((draw) => byLogits(draw, alpha)),
      }),
    }),
}

/**
 * DER++: dark experience replay, plus a second draw replayed by label, so that logits stored too early in learning
 * cannot mislead for long.
 *
 *   L = L(new) + α · ¹⁄ₙ Σᵢ ¹⁄ₖ ‖zᵢ − hᵢ‖² + β · L(second draw)
 *
 * Buzzega et al. (2020), as for `der`.
 *
 *     replay: { policy: der++, alpha: 0.3, beta: 1 }
 */
export const derPlus: PolicyKind<Replay, Bounds & Readonly<Record<'alpha' | 'beta', number>>> = {
  summary: 'der, plus a second draw replayed by label',
  settings: {
    ...bounds,
    alpha,
    beta: number([0, 100], 0.5, 'weight of the loss of the second draw'),
  },
  open: ({ alpha, beta, ...settings }) =>
    openBuffer(settings, keepAnyEqually, {
      draws: 2,
      keepsLogits: true,
      parts: ({ fresh, replayed }) => ({
        fresh: byTarget(fresh),
        replayed: replayed.map((rows, draw) =>
          draw === 0 ? byLogits(rows, alpha) : byTarget(rows, beta),
        ),
      }),
    }),
}

/**
 * Experience replay with asymmetric cross-entropy: new examples compete only among the classes of their own batch,
 * replayed ones among all. So a new class does not push down the logits of old ones, which is where forgetting begins.
 *
 * Caccia et al. (2022), "New insights on reducing abrupt representation change in online continual learning", ICLR.
 *
 *     replay: { policy: er-ace, capacity: 1000 }
 */
export const erAce: PolicyKind<Replay, Bounds> = {
  summary: 'a reservoir; new examples compete only among the labels of their batch',
  settings: bounds,
  needsClasses: true,
  open: (settings) =>
    openBuffer(settings, keepAnyEqually, {
      parts({ fresh, replayed }) {
        const parts = { fresh: byTarget(fresh), replayed: replayed.map((draw) => byTarget(draw)) }
        if (replayed.every((draw) => draw.length === 0)) return parts
        const among = [...new Set(fresh.flatMap(({ columns }) => columns.map(({ at }) => at)))]
        const isNamed = (at: number) => fresh[at]?.columns.some(({ isRight }) => isRight) === true
        return {
          ...parts,
          fresh: parts.fresh.map((part, at) => (isNamed(at) ? { ...part, among } : part)),
        }
      },
    }),
}

/**
 * Maximally interfered retrieval: draws a handful of stored examples and replays those that the new examples would make
 * the learner forget most.
 *
 *   replayed = argmax over candidates of  loss(x; θ′) − loss(x; θ),   θ′ = θ after a step on the new examples alone
 *
 * Costs one additional step and two scorings of the candidates per step.
 *
 * Aljundi et al. (2019), "Online continual learning with maximally interfered retrieval", NeurIPS; there 50 candidates
 * for 10.
 *
 *     replay: { policy: mir, candidates: 3 }
 */
export const mir: PolicyKind<Replay, Bounds & Readonly<Record<'candidates', number>>> = {
  summary: 'a reservoir; replays what the new examples would make it forget most',
  settings: {
    ...bounds,
    candidates: integer([2, 100], 5, 'candidates drawn per replayed example'),
  },
  open: ({ candidates, ...settings }) => openBuffer(settings, keepAnyEqually, { candidates }),
}

/** The mean of the rows' losses, times `scale`. */
function byTarget(rows: readonly StepRow[], scale = 1): readonly LossPart[] {
  return rows.map(({ weight }) => ({ target: (scale * weight) / rows.length }))
}

/** The mean of the rows' distances, times `alpha`. */
function byLogits(rows: readonly StepRow[], alpha: number): readonly LossPart[] {
  return rows.map(({ weight, hasLogits }) => {
    const share = (alpha * weight) / rows.length
    return hasLogits ? { target: 0, logits: share } : { target: share }
  })
}
