/**
 * Learning without forgetting: on the new examples the learner goes on answering as it did before, for the labels that
 * it knew. Keeps no examples.
 *
 *   L = L(batch) + λ · ¹⁄ₙ Σ −softmax(h / T) · log softmax(z / T),   h the old weights' logits, z the present ones
 *
 * The old weights are those of `every` steps ago at most: set it to the steps of one update, and they are those from
 * before the update (of a single step the teacher is the learner itself, and teaches nothing). A step costs one forward
 * pass more.
 *
 * Li & Hoiem (2017), "Learning without forgetting", IEEE TPAMI 40(12), with its T = 2.
 */
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'
import { Anchor } from './anchor.ts'

type Settings = Readonly<Record<'lambda' | 'temperature' | 'every', number>>

export const lwf: PolicyKind<Regularizer, Settings> = {
  summary: 'on new examples, old answers are kept: those of the weights of a while ago',
  settings: {
    lambda: {
      type: 'number',
      minimum: 0,
      maximum: 1000,
      default: 1,
      description: 'weight of the old answers',
    },
    temperature: {
      type: 'number',
      minimum: 0.1,
      maximum: 100,
      default: 2,
      description: 'T: above 1 lets small shares count',
    },
    every: {
      type: 'integer',
      minimum: 2,
      maximum: 1_000_000,
      default: 100,
      description: 'steps for which one teacher stays',
    },
  },
  open({ lambda, temperature, every }) {
    const anchor = new Anchor(every)
    return {
      penalty(parameters) {
        anchor.begin(parameters)
        return undefined
      },
      teacher: () =>
        anchor.at.size === 0
          ? undefined
          : { parameters: anchor.at, weight: lambda, heat: temperature },
      observe(parameters) {
        anchor.step(parameters)
      },
      snapshot: () => anchor.snapshot(),
      restore: (state) => anchor.restore(state),
    }
  },
}
