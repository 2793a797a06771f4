/** What TensorFlow solves is what plain loops solve, and where it does not they do. */
import { expect, it } from 'vitest'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import type { ClassSums } from '../../src/contracts/adapter.ts'
import { ridgeSolverOf } from '../../src/nn/compiled/ridge-solver.ts'
import { ClassMoments } from '../../src/optim/heads/class-moments.ts'
import { openRandom } from '../../src/platform/random.ts'
import { tf } from '../trainer/rig.ts'

const solver = ridgeSolverOf(tf)

it('gives the weights of plain loops, and the same bits each time', () => {
  const sums = sumsOf(600)
  const { closedForm } = ranpac.open({ method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0 })
  const plain = closedForm!.solve(sums).weight
  const before = tf.memory().numTensors
  const solved = closedForm!.solve(sums, solver).weight
  const largest = plain.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const [at, value] of solved.entries())
    expect(Math.abs(value - plain[at]!)).toBeLessThan(1e-5 * largest)
  expect(closedForm!.solve(sums, solver).weight).toEqual(solved)
  expect(tf.memory().numTensors).toBe(before)
})

it('leaves narrow embeddings, and sums without a factor, to plain loops', () => {
  expect(solver(sumsOf(64), 1)).toBeUndefined()
  expect(solver(sumsOf(600), -1e6)).toBeUndefined()
})

/** Of 40 examples of three classes. */
function sumsOf(width: number): ClassSums {
  const random = openRandom(1, 'ridge-solver')
  const moments = new ClassMoments(width, 3, { needsMoments: true })
  for (let at = 0; at < 40; at += 1) {
    const x = Float32Array.from({ length: width }, () => Math.max(0, random.normal()))
    moments.add(x, new Map([[at % 3, 1]]))
  }
  return moments.of([0, 1, 2])
}
