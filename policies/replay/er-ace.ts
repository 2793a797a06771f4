/**
 * Experience replay with asymmetric cross-entropy: new examples compete only among the classes of their own batch,
 * replayed ones among all. So a new class does not push down the logits of old ones, which is where forgetting begins.
 *
 * Caccia et al. (2022), "New insights on reducing abrupt representation change in online continual learning", ICLR.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { byTarget } from './der.ts'
import { keepAnyEqually } from './reservoir.ts'

export const erAce: PolicyKind<Replay, Bounds> = {
  summary: 'a reservoir; new examples compete only among the labels of their batch',
  settings: bounds,
  needsClasses: true,
  open: (settings) =>
    openBuffer(settings, keepAnyEqually, {
      parts({ fresh, replayed }) {
        const parts = { fresh: byTarget(fresh), replayed: replayed.map((draw) => byTarget(draw)) }
        if (replayed.every((draw) => draw.length === 0)) return parts
        const among = [...new Set(fresh.map(({ column }) => column))]
        const isNamed = (at: number) => fresh[at]?.isRight === true
        return {
          ...parts,
          fresh: parts.fresh.map((part, at) => (isNamed(at) ? { ...part, among } : part)),
        }
      },
    }),
}
