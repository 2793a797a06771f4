/** What every rate policy must do. */
import { describe, expect, it } from 'vitest'
import type { LearningRateSchedule } from '../../src/contracts/policy.ts'

export function rateConformance(name: string, open: () => LearningRateSchedule): void {
  describe(`rate ${name}`, () => {
    it('never stops learning and never turns around', () => {
      for (const factors of course(open()))
        for (const factor of factors) {
          expect(factor).toBeGreaterThan(0)
          expect(factor).toBeLessThanOrEqual(100)
        }
    })

    it('makes the first update of one step at the configured rate, and without an alarm none above it', () => {
      const rate = open()
      const factors = Array.from({ length: 5 }, () => {
        rate.begin({ steps: 1, raised: false })
        return rate.factor(0)
      })
      expect(factors[0]).toBe(1)
      expect(Math.max(...factors)).toBe(1)
    })

    it('starts again with fresh weights', () => {
      const rate = open()
      course(rate)
      rate.restore(null)
      expect(course(rate)).toEqual(course(open()))
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const rate = open()
      course(rate)
      const state = JSON.stringify(rate.snapshot())
      const expected = course(rate)
      const other = open()
      for (let times = 0; times < 2; times += 1) {
        other.restore(JSON.parse(state) as ReturnType<LearningRateSchedule['snapshot']>)
        expect(course(other)).toEqual(expected)
      }
    })
  })
}

/** Updates of one to nine steps; an alarm comes with every eleventh. */
function course(rate: LearningRateSchedule): readonly (readonly number[])[] {
  return Array.from({ length: 40 }, (_, update) => {
    const steps = 1 + (update % 9)
    rate.begin({ steps, raised: update % 11 === 10 })
    return Array.from({ length: steps }, (__, step) => rate.factor(step))
  })
}
