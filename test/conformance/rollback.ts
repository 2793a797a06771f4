/** What every rollback policy must do. */
import { describe, expect, it } from 'vitest'
import type { Rollback, RollbackFacts, Scores } from '../../src/contracts/release.ts'

export function rollbackConformance(name: string, open: () => Rollback): void {
  describe(`rollback ${name}`, () => {
    it('keeps a version that nothing is known of, however good the line is, and says why', () => {
      for (const line of [nothing, scoresOf(1000, 0.9), scoresOf(1000, 0.1)])
        expect(open().decide({ scores: nothing, line, version: 'v1' }).verdict).toBe('keep')
      for (const { verdict, reason } of course(open())) {
        expect(['keep', 'rollback']).toContain(verdict)
        expect(reason).not.toBe('')
      }
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const rollback = open()
      course(rollback)
      const state = JSON.stringify(rollback.snapshot())
      const expected = course(rollback)
      const other = open()
      for (let times = 0; times < 2; times += 1) {
        other.restore(JSON.parse(state) as ReturnType<Rollback['snapshot']>)
        expect(course(other)).toEqual(expected)
      }
    })

    it('leaves the facts as they are', () => {
      const facts = factsAt(50, 0.2)
      const before = structuredClone(facts)
      open().decide(facts)
      expect(facts).toEqual(before)
    })

    it('does not look at scores where it says so', () => {
      if (open().looksAtScores !== false) return
      const decisions = [0, 0.5, 1].map((accuracy) => open().decide(factsAt(5, accuracy)))
      for (const decision of decisions) expect(decision).toEqual(decisions[0])
    })
  })
}

const nothing: Scores = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }

function scoresOf(count: number, accuracy: number): Scores {
  return { count, accuracy, accuracy_recent: accuracy, loss: 1 }
}

/** The version went live with this block; the line has seen all of them. */
function factsAt(block: number, accuracy: number): RollbackFacts {
  const scores = scoresOf(16, accuracy)
  return { scores, line: scoresOf(16 * (block + 1), accuracy), version: `v${block}` }
}

/** Accuracy holds and then falls, version by version. */
function course(rollback: Rollback): readonly ReturnType<Rollback['decide']>[] {
  return Array.from({ length: 60 }, (_, block) =>
    rollback.decide(factsAt(block, block < 40 ? 0.9 : 0.9 - (block - 40) / 25)),
  )
}
