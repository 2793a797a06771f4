/**
 * Dark experience replay: each example is kept with the logits that the learner gave it before it was learned, and these
 * are rehearsed instead of its label. What is kept is a reservoir.
 *
 *   L = ¹⁄ₙ Σ loss(z; y) over new  +  α · ¹⁄ₘ Σ ¹⁄ₖ‖z − h‖² over replayed
 *
 * Logits say more than a label: how near the others were. With labels that appear at run time h is shorter than z, and
 * the first k = |h| labels are compared. An example that has no logits, kept under another policy, is rehearsed by label.
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
  description: 'weight of the distance to the kept logits',
}

export const der: PolicyKind<Replay, Settings> = {
  summary: 'a reservoir with logits; rehearses these instead of labels',
  settings: { ...bounds, alpha: alphaSetting },
  open: ({ alpha, ...settings }) =>
    openBuffer(settings, keepAnyEqually, {
      keepsLogits: true,
      parts: ({ fresh, replayed }) => ({
        fresh: byLabel(fresh),
        replayed: replayed.map((draw) => byLogits(draw, alpha)),
      }),
    }),
}

/** The mean of the rows' losses, times `scale`. */
export function byLabel(rows: readonly StepRow[], scale = 1): readonly LossPart[] {
  return rows.map(({ weight }) => ({ target: (scale * weight) / rows.length }))
}

/** The mean of the rows' distances, times `alpha`. */
export function byLogits(rows: readonly StepRow[], alpha: number): readonly LossPart[] {
  return rows.map(({ weight, hasLogits }) => {
    const share = (alpha * weight) / rows.length
    return hasLogits ? { target: 0, logits: share } : { target: share }
  })
}
