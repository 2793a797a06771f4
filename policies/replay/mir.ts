/**
 * Maximally interfered retrieval: draws a handful of stored examples and replays those that the new examples would make
 * the learner forget most. Keeps a reservoir.
 *
 *   replayed = argmax over candidates of  loss(x; θ′) − loss(x; θ),   θ′ = θ after a step on the new examples alone
 *
 * Costs one additional step and two scorings of the candidates per step.
 *
 * Aljundi et al. (2019), "Online continual learning with maximally interfered retrieval", NeurIPS; there 50 candidates
 * for 10.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'
import { keepAnyEqually } from './reservoir.ts'

type Settings = Bounds & Readonly<Record<'candidates', number>>

export const mir: PolicyKind<Replay, Settings> = {
  summary: 'a reservoir; replays what the new examples would make it forget most',
  settings: {
    ...bounds,
    candidates: {
      type: 'integer',
      minimum: 2,
      maximum: 100,
      default: 5,
      description: 'candidates drawn per replayed example',
    },
  },
  open: ({ candidates, ...settings }) => openBuffer(settings, keepAnyEqually, { candidates }),
}
