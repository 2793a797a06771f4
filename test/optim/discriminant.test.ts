/** The closed form of a mixture stays a number where embeddings are so nearly equal that the sums round their difference away. */
import { expect, test } from 'vitest'
import { Discriminant } from '../../src/optim/discriminant.ts'
import { openRandom } from '../../src/platform/random.ts'

const width = 24

/** Near one vector of length 1; classes differ in their first number by `apart`. */
function nearlyEqual(count: number, apart: number, noise: number) {
  const random = openRandom(1, 'nearly equal')
  return Array.from({ length: count }, (_, at) => {
    const column = at % 2
    const x = Float32Array.from({ length: width }, () => width ** -0.5 + noise * random.normal())
    x[0]! += column * apart
    return { x, column }
  })
}

function rightOf(head: { weight: Float64Array; bias: Float64Array }, x: Float32Array): number {
  const z = [0, 1].map((column) =>
    x.reduce((sum, each, at) => sum + each * head.weight[column * width + at]!, head.bias[column]!),
  )
  return z[1]! > z[0]! ? 1 : 0
}

test.each([
  ['equal but for rounding', 400, 0, 1e-9],
  ['nearly equal', 400, 1e-3, 1e-4],
  ['ordinary', 400, 0.3, 0.1],
])('vectors that are %s', (_, count, apart, noise) => {
  const discriminant = new Discriminant(width, 0)
  const examples = nearlyEqual(count, apart, noise)
  for (const { x, column } of examples) {
    const head = discriminant.head(2)
    const logits = head && Float32Array.from([0, 1], (c) => head.bias[c]!)
    discriminant.learn(x, column, 1, logits)
  }
  const head = discriminant.head(2)!
  // In single precision, as a version holds them.
  expect([...Float32Array.from([...head.weight, ...head.bias])].every(Number.isFinite)).toBe(true)
  const right = examples.filter(({ x, column }) => rightOf(head, x) === column).length
  if (apart > 0) expect(right / count).toBeGreaterThan(0.9)
})
