/** What every rollback policy must do. */
import { describe, expect, it } from 'vitest'
import type { Rollback } from '../../src/contracts/policy.ts'

export function rollbackConformance(name: string, open: () => Rollback): void {
  describe(`rollback ${name}`, () => {
    it('keeps a version that nothing is known of, and says why with each decision', () => {
      const scores = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
      expect(open().decide({ scores, version: 'v1' }).verdict).toBe('keep')
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
  })
}

/** Accuracy holds and then falls, block by block. */
function course(rollback: Rollback): readonly ReturnType<Rollback['decide']>[] {
  return Array.from({ length: 60 }, (_, block) => {
    const accuracy = block < 40 ? 0.9 : 0.9 - (block - 40) / 25
    const scores = { count: 16 * (block + 1), accuracy, accuracy_recent: accuracy, loss: 1 }
    return rollback.decide({ scores, version: `v${block}` })
  })
}
