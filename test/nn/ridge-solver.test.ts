/** What TensorFlow solves is what plain loops solve, and where it does not they do. */
import { expect, it } from 'vitest'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { anacp } from '../../src/adapters/closed-form/anacp.ts'
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

it('gives the head of many labels as plain loops do, and the same bits each time', () => {
  const sums = sumsOf(520, 260, 400)
  const { closedForm } = anacp.open({
    method: 'anacp',
    rank: 0,
    alpha: 1,
    tail_layers: 0,
    ridge: 30,
  })
  const [plain, solved] = [closedForm!.solve(sums), closedForm!.solve(sums, solver)]
  expect(solver.products(sums.sums, sums.sums, sums.width)).toBeDefined()
  const largest = plain.weight.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const [at, value] of solved.weight.entries())
    if (Math.abs(value - plain.weight[at]!) > 1e-4 * largest) throw new Error(`at ${at}`)
  expect(closedForm!.solve(sums, solver).weight).toEqual(solved.weight)
})

it('leaves narrow embeddings, and sums without a factor, to plain loops', () => {
  expect(solver(sumsOf(64), 1)).toBeUndefined()
  expect(solver(sumsOf(600), -1e6)).toBeUndefined()
})

function sumsOf(width: number, classes = 3, examples = 40): ClassSums {
  const random = openRandom(1, 'ridge-solver')
  const moments = new ClassMoments(width, classes, { needsMoments: true })
  for (let at = 0; at < examples; at += 1) {
    const x = Float32Array.from({ length: width }, () => Math.max(0, random.normal()))
    moments.add(x, new Map([[at % classes, 1]]))
  }
  return moments.of([...Array(classes).keys()])
}
