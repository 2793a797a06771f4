/** What every exploration must do: probabilities that sum to 1, follow the scores, and depend on nothing else. */
import { describe, expect, it } from 'vitest'
import type { Exploration, ScoredItem } from '../../src/contracts/choice.ts'
import { openRandom } from '../../src/platform/random.ts'

export function explorationConformance(name: string, open: () => Exploration): void {
  describe(`exploration ${name}`, () => {
    const policy = open()
    const random = openRandom(1, 'exploration')
    const scored = (score: number): ScoredItem => ({
      score,
      members: Array.from({ length: policy.members ?? 0 }, () => score),
    })
    const some = (count: number) => Array.from({ length: count }, () => scored(random.uniform()))
    const sum = (odds: Float64Array) => odds.reduce((total, each) => total + each, 0)

    it('gives each item a probability, and all of them 1', () => {
      for (const count of [1, 2, 7, 300]) {
        const odds = policy.next(some(count))
        expect(odds).toHaveLength(count)
        expect(odds.every((each) => each >= 0 && each <= 1)).toBe(true)
        expect(sum(odds)).toBeCloseTo(1, 9)
      }
    })

    it('prefers none among equals, and never a worse item to a better one', () => {
      for (const each of policy.next([scored(0.5), scored(0.5), scored(0.5)]))
        expect(each).toBeCloseTo(1 / 3, 9)
      const odds = policy.next([scored(0.1), scored(0.9), scored(0.2)])
      expect(odds[1]).toBeGreaterThan(odds[2]!)
      expect(odds[2]).toBeGreaterThanOrEqual(odds[0]!)
    })

    it('answers the same again, also another one opened alike, and leaves the scores alone', () => {
      const items = some(5)
      const before = structuredClone(items)
      const odds = policy.next(items)
      expect(policy.next(items)).toEqual(odds)
      expect(open().next(items)).toEqual(odds)
      expect(items).toEqual(before)
    })

    it('takes scores at the ends of their range', () => {
      const odds = policy.next([scored(0), scored(1), scored(Number.MIN_VALUE)])
      expect(sum(odds)).toBeCloseTo(1, 9)
      expect(odds.every(Number.isFinite)).toBe(true)
    })
  })
}
