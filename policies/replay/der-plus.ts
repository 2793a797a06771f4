/**
 * DER++: dark experience replay, and a second draw that is rehearsed by label, so that logits which were kept too early
 * in the learning cannot mislead for long.
 *
 *   L = ¹⁄ₙ Σ loss(z; y) over new  +  α · ¹⁄ₘ Σ ¹⁄ₖ‖z − h‖² over draw 1  +  β · ¹⁄ₘ Σ loss(z; y) over draw 2
 *
 * Each draw has `replay_batch` examples, so that a step costs one third more than with `der`.
 *
 * Buzzega et al. (2020), "Dark experience for general continual learning: a strong, simple baseline", NeurIPS.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { alphaSetting, byLabel, byLogits } from './der.ts'
import { keepAnyEqually } from './reservoir.ts'

type Settings = Bounds & Readonly<Record<'alpha' | 'beta', number>>

export const derPlus: PolicyKind<Replay, Settings> = {
  summary: 'der, and a second draw rehearsed by label',
  settings: {
    ...bounds,
    alpha: alphaSetting,
    beta: {
      type: 'number',
      minimum: 0,
      maximum: 100,
      default: 0.5,
      description: 'weight of the loss of the second draw',
    },
  },
  open: ({ alpha, beta, ...settings }) =>
    openBuffer(settings, keepAnyEqually, {
      draws: 2,
      keepsLogits: true,
      parts: ({ fresh, replayed }) => ({
        fresh: byLabel(fresh),
        replayed: replayed.map((rows, draw) =>
          draw === 0 ? byLogits(rows, alpha) : byLabel(rows, beta),
        ),
      }),
    }),
}
