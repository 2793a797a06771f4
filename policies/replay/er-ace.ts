/**
 * Experience replay with asymmetric cross-entropy: new examples compete among the labels of their own batch, replayed
 * ones among all. So a new label does not push the old ones' logits down, which is where forgetting begins.
 *
 *   L = ¹⁄ₙ Σ loss(z over labels of the new batch; y) over new  +  ¹⁄ₘ Σ loss(z; y) over replayed
 *
 * Without replayed rows there is nothing to protect, and new ones compete among all. New examples of a single label
 * teach nothing by themselves then: let a batch hold several. What is kept is a reservoir.
 *
 * Caccia et al. (2022), "New insights on reducing abrupt representation change in online continual learning", ICLR.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { byLabel } from './der.ts'
import { keepAnyEqually } from './reservoir.ts'

export const erAce: PolicyKind<Replay, Bounds> = {
  summary: 'a reservoir; new examples compete among the labels of their batch only',
  settings: bounds,
  open: (settings) =>
    openBuffer(settings, keepAnyEqually, {
      parts({ fresh, replayed }) {
        const parts = { fresh: byLabel(fresh), replayed: replayed.map((draw) => byLabel(draw)) }
        if (replayed.every((draw) => draw.length === 0)) return parts
        const among = [...new Set(fresh.map(({ target }) => target.label))]
        const isNamed = (at: number) => fresh[at]?.target.kind === 'label'
        return {
          ...parts,
          fresh: parts.fresh.map((part, at) => (isNamed(at) ? { ...part, among } : part)),
        }
      },
    }),
}
