/**
 * Learning without forgetting: on new examples, the learner keeps its earlier answers for the labels that it knew.
 * Stores no examples.
 *
 *   L = L(batch) + λ · ¹⁄ₙ Σ −softmax(h / T) · log softmax(z / T),   h the old weights' logits, z the present ones
 *
 * The old weights are those of at most `every` steps ago. Set it to the number of steps of one update, and they are the
 * weights before the update (with a single step the teacher is the learner itself and teaches nothing). Costs one more
 * forward pass per step.
 *
 * Li & Hoiem (2017), "Learning without forgetting", IEEE TPAMI 40(12), with its T = 2.
 *
 *     regularizer: { policy: lwf, temperature: 3, every: 4 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'
import { Anchor } from './anchor.ts'
import { integer, number } from '../settings.ts'

const settings = {
  lambda: number([0, 1000], 1, 'weight of the earlier answers'),
  temperature: number([0.1, 100], 2, 'temperature T: above 1, small probabilities count more'),
  every: integer([2, 1_000_000], 100, 'steps before the teacher is replaced'),
}

type Settings = SettingsOf<typeof settings>

export const lwf: PolicyKind<Regularizer, Settings> = {
  summary: 'on new examples, keeps the answers of earlier weights',
  settings,
  open({ lambda, temperature, every }) {
    const anchor = new Anchor(every)
    return {
      penalty(parameters) {
        anchor.begin(parameters)
        return undefined
      },
      teacher: () =>
        anchor.at.size === 0 ? undefined : { parameters: anchor.at, weight: lambda, temperature },
      observe(parameters) {
        anchor.step(parameters)
      },
      snapshot: () => anchor.snapshot(),
      restore: (state) => anchor.restore(state),
    }
  },
}
