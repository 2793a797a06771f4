/**
 * A quadratic penalty for leaving earlier weights: the simplest protection, equal in all directions.
 *
 *   L = L(batch) + λ/2 · ‖θ − θ*‖²
 *
 * θ* are the weights of at most `every` steps ago; with `every` 0 they are the initial weights of the adapter, so that
 * it never strays far from the base: L2-SP of Li, Grandvalet & Davoine (2018), "Explicit inductive bias for transfer
 * learning", ICML. Used as the baseline for elastic weights in Kirkpatrick et al. (2017), PNAS 114(13).
 */
import type { Tensor } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'
import { Anchor, eachShared, everySetting } from './anchor.ts'

type Settings = Readonly<Record<'lambda' | 'every', number>>

export const l2Anchor: PolicyKind<Regularizer, Settings> = {
  summary: 'a quadratic penalty for leaving earlier weights, equal in all directions',
  settings: {
    lambda: {
      type: 'number',
      minimum: 0,
      maximum: 1_000_000,
      default: 0.01,
      description: 'strength of the penalty',
    },
    every: everySetting,
  },
  open({ lambda, every }) {
    const anchor = new Anchor(every)
    return {
      penalty(parameters) {
        anchor.begin(parameters)
        let loss = 0
        const gradients = new Map<string, Tensor>()
        for (const [name, before] of anchor.at) {
          const now = parameters.get(name)
          if (now === undefined) continue
          const data = new Float32Array(now.data.length)
          eachShared(before, now.shape, (from, to, length) => {
            for (let at = 0; at < length; at += 1) {
              const away = (now.data[to + at] ?? 0) - (before.data[from + at] ?? 0)
              loss += (lambda / 2) * away * away
              data[to + at] = lambda * away
            }
          })
          gradients.set(name, { shape: now.shape, data })
        }
        return { loss, gradients }
      },
      observe(parameters) {
        anchor.step(parameters)
      },
      snapshot: () => anchor.snapshot(),
      restore: (state) => anchor.restore(state),
    }
  },
}
