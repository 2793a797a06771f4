/**
 * Dark experience replay: each example is stored with the logits that the learner gave before learning it, and replay
 * uses these instead of its label. Keeps a reservoir.
 *
 *   L = L(new) + α · ¹⁄ₙ Σᵢ ¹⁄ₖ ‖zᵢ − hᵢ‖²      over n replayed examples with k stored logits h; z the present ones
 *
 * Buzzega et al. (2020), "Dark experience for general continual learning: a strong, simple baseline", NeurIPS.
 */
import type { Setting } from '../../src/contracts/core.ts'
import type { LossPart, PolicyKind, Replay, StepRow } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { keepAnyEqually } from './reservoir.ts'

type Settings = Bounds & Readonly<Record<'alpha', number>>

export const alphaSetting: Setting = {
  type: 'number',
  minimum: 0,
  maximum: 100,
  default: 0.5,
  description: 'weight of the distance to the stored logits',
}

export const der: PolicyKind<Replay, Settings> = {
  summary: 'a reservoir with logits; replays these instead of labels',
  settings: { ...bounds, alpha: alphaSetting },
  open: ({ alpha, ...settings }) =>
    openBuffer(settings, keepAnyEqually, {
      keepsLogits: true,
      parts: ({ fresh, replayed }) => ({
        fresh: byTarget(fresh),
        replayed: replayed.map((draw) => byLogits(draw, alpha)),
      }),
    }),
}

/** The mean of the rows' losses, times `scale`. */
export function byTarget(rows: readonly StepRow[], scale = 1): readonly LossPart[] {
  return rows.map(({ weight }) => ({ target: (scale * weight) / rows.length }))
}

/** The mean of the rows' distances, times `alpha`. */
export function byLogits(rows: readonly StepRow[], alpha: number): readonly LossPart[] {
  return rows.map(({ weight, hasLogits }) => {
    const share = (alpha * weight) / rows.length
    return hasLogits ? { target: 0, logits: share } : { target: share }
  })
}
