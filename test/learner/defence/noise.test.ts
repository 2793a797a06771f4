/** How likely a contradicted label is wrong, on streams whose truth is known. */
import { expect, test } from 'vitest'
import { Noise } from '../../../src/learner/defence/noise.ts'
import { openRandom } from '../../../src/platform/random.ts'

/** Where it is unsure the reference errs in 40 %, where it is sure in 1 %; of the labels, `wrong` are wrong. */
function seen(wrong: number, events = 4000) {
  const random = openRandom(7, 'noise')
  const noise = new Noise()
  for (let at = 0; at < events; at += 1) {
    const isSure = random.uniform() < 0.5
    const errs = random.uniform() < (isSure ? 0.01 : 0.4)
    noise.saw(isSure ? 1.8 : 0.1, errs !== random.uniform() < wrong)
  }
  return noise
}

test('finds the share of wrong labels where the reference hardly errs, and its errors apart from it', () => {
  for (const wrong of [0.05, 0.2, 0.35]) {
    const noise = seen(wrong)
    expect(Math.abs(noise.share - wrong)).toBeLessThan(0.05)
    expect(Math.abs(noise.error(0.1) - 0.4)).toBeLessThan(0.12)
    expect(noise.error(1.8)).toBeLessThan(0.03)
  }
})

test('knows nothing before it has seen anything, and then expects no more than chance', () => {
  const noise = new Noise()
  expect(noise.share).toBe(0.5)
  expect(noise.error(1)).toBe(0.5)
})

test('goes on from a snapshot as if nothing had been, and without one from the start', () => {
  const [one, other] = [seen(0.2, 100), new Noise()]
  for (let twice = 0; twice < 2; twice += 1) other.restore(structuredClone(one.snapshot()))
  for (const each of [one, other]) each.saw(0.6, true)
  expect(other.snapshot()).toEqual(one.snapshot())
  other.restore(undefined)
  expect(other.snapshot()).toEqual(new Noise().snapshot())
})
