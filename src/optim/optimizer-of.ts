/** The optimizer that the hyperparameters select: an update rule, with weight decay and averaging around it. */
import type { Hyperparameters } from '../contracts/adapter.ts'
import { averaging } from './averaging.ts'
import { type Optimizer, ruleOf } from './optimizer.ts'
import { decaying } from './weight-decay.ts'

export function optimizerOf(hyperparameters: Hyperparameters): Optimizer {
  const { weight_decay = 0, weight_decay_steps = 0, average = 0 } = hyperparameters
  const rule = ruleOf(hyperparameters)
  const shrinking = weight_decay === 0 ? rule : decaying(rule, weight_decay, weight_decay_steps)
  return average === 0 ? shrinking : averaging(shrinking, average)
}
