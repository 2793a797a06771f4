/**
 * Experience replay with asymmetric cross-entropy: new examples compete only among the labels of their own batch,
 * replayed ones among all. So a new label does not push down the logits of old ones, which is where forgetting begins.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { byLabel } from './der.ts'
import { keepAnyEqually } from './reservoir.ts'

export const erAce: PolicyKind<Replay, Bounds> = {
  summary: 'a reservoir; new examples compete only among the labels of their batch',
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
