/** What every promotion policy must do. */
import { describe, expect, it } from 'vitest'
import type { Promotion, Scores } from '../../src/contracts/policy.ts'

export function promotionConformance(name: string, open: () => Promotion): void {
  describe(`promotion ${name}`, () => {
    it('decides about every candidate, also one that nothing is known of, and says why', () => {
      const promotion = open()
      for (const candidate of candidates) {
        const { verdict, reason } = promotion.decide({ candidate, version: 'v7' })
        expect(['promote', 'hold']).toContain(verdict)
        expect(reason).not.toBe('')
      }
    })

    it('decides the same about the same candidate', () => {
      const decide = (candidate: Scores) => open().decide({ candidate, version: 'v7' })
      for (const candidate of candidates) expect(decide(candidate)).toEqual(decide(candidate))
    })
  })
}

const candidates: readonly Scores[] = [
  { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
  { count: 100, accuracy: 0.9, accuracy_recent: 0.95, loss: 0.2 },
  { count: 100, accuracy: 0.5, accuracy_recent: 0.1, loss: 9 },
]
