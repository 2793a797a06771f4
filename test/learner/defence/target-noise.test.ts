/** How likely a label is wrong, on margins with a known truth. */
import { expect, test } from 'vitest'
import { TargetNoise } from '../../../src/learner/defence/reference.ts'
import { openRandom } from '../../../src/platform/random.ts'

/** Two mirrored bells: a share `wrong` of the margins belongs to wrong labels. */
function margins(wrong: number, { centre = 0.8, count = 4000 } = {}) {
  const random = openRandom(7, 'noise')
  return Float64Array.from({ length: count }, () => {
    const margin = centre + 0.5 * random.normal()
    return random.uniform() < wrong ? -margin : margin
  })
}

const equal = (values: Float64Array) => values.map(() => 1)
const fitted = (values: Float64Array) => TargetNoise.of(values, equal(values))

test('finds the share of wrong labels, and how often a right one is contradicted', () => {
  for (const wrong of [0.01, 0.05, 0.2, 0.35]) {
    const found = fitted(margins(wrong))
    expect(Math.abs(found.share - wrong)).toBeLessThan(0.03)
    // 2µ/σ² = 6.4: at a margin of .5, right labels are contradicted e^−3.2 times as often.
    expect(found.error(0.5)).toBeGreaterThan(0.02)
    expect(found.error(0.5)).toBeLessThan(0.08)
  }
})

test('the same contradiction says more where more labels are wrong, and of a source that is wrong more often', () => {
  const [clean, noisy] = [fitted(margins(0.01)), fitted(margins(0.3))]
  expect(noisy.wrong(-0.2)).toBeGreaterThan(clean.wrong(-0.2) + 0.2)
  expect(clean.wrong(-0.2, 0.3)).toBeGreaterThan(clean.wrong(-0.2) + 0.2)
  expect(noisy.wrong(1)).toBeLessThan(0.01)
})

test('what weighs nothing says nothing', () => {
  const [right, wrong] = [margins(0.05), margins(0.9)]
  const both = Float64Array.from([...right, ...wrong])
  const weights = both.map((_, at) => (at < right.length ? 1 : 0))
  expect(TargetNoise.of(both, weights).share).toBeCloseTo(fitted(right).share, 9)
})

test('without a margin that says anything, a label is as likely wrong as any', () => {
  for (const values of [margins(0.2, { centre: 0 }), new Float64Array(50), new Float64Array()]) {
    const found = fitted(values)
    expect(found.error(0)).toBe(0.5)
    expect(Number.isFinite(found.wrong(-3))).toBe(true)
  }
  expect(fitted(new Float64Array(50)).error(2)).toBe(0.5)
})
