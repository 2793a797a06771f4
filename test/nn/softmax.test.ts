/** Shares and sums of logits: short rows in a loop, longer ones by a kernel that gives the bits of `Math.exp`. */
import { expect, test } from 'vitest'
import { exponentials, exponentiate, largestOf, logSumExp, softmax } from '../../src/nn/softmax.ts'
import { openRandom } from '../../src/platform/random.ts'

const random = openRandom(1, 'softmax')

/** Elsewhere compilers may fuse additions in V8's own function. */
const MOST_APART = process.arch === 'x64' ? 0n : 1n

/** Representable numbers between two positive ones. */
function apart(one: number, other: number): bigint {
  if (Object.is(one, other)) return 0n
  const [a = 0n, b = 0n] = new BigUint64Array(Float64Array.of(one, other).buffer)
  return a < b ? b - a : a - b
}

function expectExponentials(logits: Float32Array): void {
  const top = largestOf(logits)
  const sum = exponentiate(logits, top)
  const wanted = Array.from(logits, (logit) => Math.exp(logit - top))
  for (const [at, exponential] of wanted.entries()) {
    const distance = apart(exponentials.parts[at]!, exponential)
    expect(distance <= MOST_APART, `exp of ${logits[at]! - top}`).toBe(true)
  }
  const inOrder = exponentials.parts.subarray(0, logits.length).reduce((all, own) => all + own, 0)
  expect(sum).toBe(inOrder)
}

test.each([[1], [11], [12], [13], [77], [1024], [5000]])(
  'exponentials of %i logits are those of the language, near and far from the greatest',
  (length) => {
    for (const scale of [1e-12, 1e-9, 1e-8, 1e-4, 0.3, 1, 3, 30, 300, 800])
      expectExponentials(Float32Array.from({ length }, () => scale * random.normal()))
  },
)

test('where the result begins to be rounded, subnormal or 0, it is too', () => {
  for (const edge of [-(2 ** -28), -Math.LN2 / 2, -1.5 * Math.LN2, -708.39, -709.78, -745.13])
    expectExponentials(
      Float32Array.from({ length: 400 }, (_, at) =>
        at === 0 ? 0 : edge * (1 + (at - 200) * 1e-7),
      ),
    )
  expectExponentials(
    Float32Array.from({ length: 20 }, (_, at) => [0, -0, -1e9, -Infinity, -1e38][at % 5]!),
  )
})

test('a row of twelve or more has the same sum as its numbers one by one', () => {
  const logits = Float32Array.from({ length: 40 }, () => 4 * random.normal())
  expect(logSumExp(logits)).toBeCloseTo(logSumExp([...logits]), 14)
  expect(softmax(logits).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
})

test('a logit that is no number makes the sum none, and nothing has no logarithm', () => {
  for (const length of [2, 40]) {
    const logits = new Float32Array(length).fill(1)
    logits[1] = NaN
    expect(logSumExp(logits)).toBeNaN()
    expect(logSumExp(new Float32Array(length).fill(-Infinity))).toBeNaN()
  }
  expect(logSumExp([])).toBe(-Infinity)
})
