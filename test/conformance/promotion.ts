/** What every promotion policy must do. */
import { describe, expect, it } from 'vitest'
import type { Promotion, PromotionFacts, Scores } from '../../src/contracts/release.ts'

export function promotionConformance(name: string, open: () => Promotion): void {
  describe(`promotion ${name}`, () => {
    it('decides about every candidate, also one that nothing is known of, and says why', () => {
      const promotion = open()
      for (const facts of candidates) {
        const { verdict, reason } = promotion.decide(facts)
        expect(['promote', 'hold']).toContain(verdict)
        expect(reason).not.toBe('')
      }
    })

    it('decides the same about the same candidate', () => {
      const decide = (facts: PromotionFacts) => open().decide(facts)
      for (const facts of candidates) expect(decide(facts)).toEqual(decide(facts))
    })

    it('leaves the facts as they are', () => {
      for (const facts of candidates) {
        const before = structuredClone(facts)
        open().decide(facts)
        expect(facts).toEqual(before)
      }
    })

    it('does not look at scores where it says so', () => {
      const promotion = open()
      if (promotion.looksAtScores !== false) return
      const decisions = candidates.map((facts) => promotion.decide(facts))
      for (const decision of decisions) expect(decision).toEqual(decisions[0])
    })
  })
}

const nothing: Scores = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
const good: Scores = { count: 100, accuracy: 0.9, accuracy_recent: 0.95, loss: 0.2 }
const bad: Scores = { count: 100, accuracy: 0.5, accuracy_recent: 0.1, loss: 9 }

/** The first version, one without rows, and better, worse and equal ones on rows of both kinds. */
const candidates: readonly PromotionFacts[] = [
  { version: 'v0', rows: 0, from: 'none', candidate: nothing, prequential: nothing },
  { version: 'v7', rows: 0, from: 'none', candidate: nothing, prequential: good },
  { version: 'v7', rows: 100, from: 'replay', candidate: good, prequential: bad },
  ...(['held-out', 'replay'] as const).flatMap((from) => [
    { version: 'v7', rows: 100, from, candidate: good, live: bad, prequential: bad },
    { version: 'v7', rows: 100, from, candidate: bad, live: good, prequential: good },
    { version: 'v7', rows: 100, from, candidate: good, live: good, prequential: good },
  ]),
  rowByRow(good, bad, { candidate: 0, live: 1 }),
  rowByRow(bad, good, { candidate: 1, live: 0 }),
  rowByRow(good, good, { candidate: 0, live: 0 }),
]

/** With all that a policy may need. */
function rowByRow(
  candidate: Scores,
  live: Scores,
  errors: { readonly candidate: number; readonly live: number },
): PromotionFacts {
  const row = { ...errors, strata: ['yes'], slice: 'north', isFresh: true, past: [errors.live] }
  return {
    ...{ version: 'v7', rows: 100, from: 'held-out', candidate, live, prequential: live },
    outcomes: Array.from({ length: 100 }, () => row),
    periods: [{ first: 'v5', last: 'v6', events: 5000 }],
    golden: [
      {
        ...{ file: 'golden.jsonl', line: 1, error: errors.candidate },
        ...{ streak: 20, answers: 20, wrong: 0, strata: ['yes'], likelihood: 0.9, usual: 0.9 },
      },
    ],
  }
}
