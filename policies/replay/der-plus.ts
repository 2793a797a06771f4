/**
 * DER++: dark experience replay, plus a second draw replayed by label, so that logits stored too early in learning
 * cannot mislead for long.
 *
 *   L = L(new) + α · ¹⁄ₙ Σᵢ ¹⁄ₖ ‖zᵢ − hᵢ‖² + β · L(second draw)
 *
 * Buzzega et al. (2020), "Dark experience for general continual learning: a strong, simple baseline", NeurIPS.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { alphaSetting, byTarget, byLogits } from './der.ts'
import { keepAnyEqually } from './reservoir.ts'

type Settings = Bounds & Readonly<Record<'alpha' | 'beta', number>>

export const derPlus: PolicyKind<Replay, Settings> = {
  summary: 'der, plus a second draw replayed by label',
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
        fresh: byTarget(fresh),
        replayed: replayed.map((rows, draw) =>
          draw === 0 ? byLogits(rows, alpha) : byTarget(rows, beta),
        ),
      }),
    }),
}
