/** The closed form of a mixture stays a number where embeddings are so nearly equal that the sums round their difference away. */
import { expect, test } from 'vitest'
import { Discriminant } from '../../src/optim/heads/discriminant.ts'
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

/** A category of six values, standardised, whose columns add up to nothing new, beside three numbers that tell. */
test('a hundred thousand rows of a table with a category leave its head bounded', () => {
  const random = openRandom(3, 'category')
  const shares = [0.5, 0.25, 0.12, 0.08, 0.04, 0.01]
  const drawn = () => {
    let left = random.uniform()
    return Math.max(
      0,
      shares.findIndex((share) => (left -= share) < 0),
    )
  }
  const rowOf = (column: number) => {
    const value = drawn()
    const numbers = [0, 1, 2].map((at) => Number(at === column) + random.normal())
    const category = shares.map(
      (share, at) => (Number(at === value) - share) / Math.sqrt(share * (1 - share)),
    )
    return Float32Array.from([...category, ...numbers])
  }
  const discriminant = new Discriminant(shares.length + 3, 0)
  discriminant.head(3)
  const largest = () => Math.max(...discriminant.head(3)!.weight.map(Math.abs))
  for (let at = 0; at < 100_000; at += 1) {
    discriminant.learn(rowOf(at % 3), at % 3, 1)
    if (at % 10_000 === 9999) expect(largest()).toBeLessThan(3)
  }
})
