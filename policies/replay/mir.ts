/**
 * Maximally interfered retrieval: of a handful of kept examples, those are rehearsed that the new ones would make the
 * learner forget most. What is kept is a reservoir.
 *
 *   rehearsed = argmax over candidates of  loss(x; θ′) − loss(x; θ),   θ′ = θ after a step on the new examples alone
 *
 * It costs one step and two scorings of the candidates more for each step.
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
  summary: 'a reservoir; rehearses what the new examples would make it forget most',
  settings: {
    ...bounds,
    candidates: {
      type: 'integer',
      minimum: 2,
      maximum: 100,
      default: 5,
      description: 'drawn for each example that is rehearsed',
    },
  },
  open: ({ candidates, ...settings }) => openBuffer(settings, keepAnyEqually, { candidates }),
}
