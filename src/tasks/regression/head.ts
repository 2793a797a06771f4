/**
 * The head of a regression: one linear map in standardised units of the target, and the mean and the deviation that
 * convert its output to the number.
 *
 *   outputs = [z, μ, σ]    z = embedding · W + b    answer = μ + σ·z
 *
 * With μ and σ among the outputs, loss, score and answer need only the outputs, and a server answers with exactly the
 * statistics of the version.
 */
import type { TaskHead } from '../../contracts/task.ts'
import { DEVIATION, MEAN, targetStatistics } from './target-statistics.ts'

const OUTPUTS = 3

export const regressionHead: TaskHead<number> = {
  kind: 'regression',
  reads: 'pooled',
  headIn: () => [],
  outputs: () => OUTPUTS,
  parameters: (width) => [
    { name: 'head.weight', shape: [width, 1], start: 'zeros' },
    { name: 'head.bias', shape: [1], start: 'zeros' },
  ],
  grow: (_name, tensor) => tensor,
  logits(ops, embedding) {
    const z = ops.add(ops.matMul(embedding, ops.param('head.weight')), ops.param('head.bias'))
    const beside = (name: string) => ops.add(ops.mul(z, ops.scalar(0)), ops.param(name))
    return ops.concat([z, beside(MEAN), beside(DEVIATION)])
  },
  scale: () => 1,
  python: `print(head["${MEAN}"] + head["${DEVIATION}"] * z)`,
  statistics: targetStatistics,
}

/** The answer in the outputs of one row. */
export interface Estimate {
  /** In deviations from the mean. */
  readonly z: number
  readonly mean: number
  /** 0 before the first target. */
  readonly deviation: number
  readonly value: number
}

export function estimateIn(outputs: Float32Array): Estimate {
  const [z = 0, mean = 0, deviation = 0] = outputs
  return { z, mean, deviation, value: mean + deviation * z }
}
