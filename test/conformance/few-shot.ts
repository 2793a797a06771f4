/** What every few-shot policy must do. */
import { describe, expect, it } from 'vitest'
import type { EmbeddedRow, FewShot } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'

export function fewShotConformance(name: string, open: () => FewShot): void {
  describe(`few_shot ${name}`, () => {
    it('is due rarely: its updates together learn each example a bounded number of times', () => {
      const policy = open()
      let kept = 0
      for (let before = 0; before < 10_000; before += 16)
        if (policy.isDue({ before, after: before + 16 })) kept += before + 16
      expect(kept).toBeLessThan(10_000)
    })

    it('is never due when nothing was learned', () => {
      for (const count of [0, 1, 50, 1000])
        expect(open().isDue({ before: count, after: count })).toBe(false)
    })

    it('has learning rates that are positive and bounded', () => {
      const policy = open()
      for (const steps of [1, 2, 9, 100])
        for (let step = 0; step < steps; step += 1) {
          expect(policy.factor(step, steps)).toBeGreaterThan(0)
          expect(policy.factor(step, steps)).toBeLessThanOrEqual(100)
        }
    })

    it('has gradients that are the slopes of its loss', () => {
      const policy = open()
      const rows = rowsOf([0, 1, 0, 2, 1, 0])
      const { gradients } = policy.loss(rows)
      for (const [at, gradient] of gradients.entries())
        for (const place of [0, 3]) {
          const [up, down] = [1, -1].map((sign) => lossMoved(policy, rows, at, place, sign * 1e-2))
          expect((up! - down!) / 2e-2).toBeCloseTo(gradient[place]!, 3)
        }
    })

    it('is finite for one row, for one class, and for an embedding of zeros', () => {
      const zero = { embedding: new Float32Array(4), column: 0, weight: 1 }
      for (const rows of [rowsOf([0]), rowsOf([1, 1]), rowsOf([0, 1]), [zero, ...rowsOf([0])]]) {
        const { loss, gradients } = open().loss(rows)
        expect(loss).toBeGreaterThanOrEqual(0)
        expect(gradients).toHaveLength(rows.length)
        for (const gradient of gradients) expect(gradient.every(Number.isFinite)).toBe(true)
      }
    })

    it('counts a row of weight 0 as contrast at most', () => {
      const rows = rowsOf([0, 0, 1, 1]).map((row) => ({ ...row, weight: 0 }))
      expect(open().loss(rows).loss).toBe(0)
    })
  })
}

function lossMoved(
  policy: FewShot,
  rows: readonly EmbeddedRow[],
  row: number,
  place: number,
  by: number,
): number {
  const moved = rows.map((each) => ({ ...each, embedding: each.embedding.slice() }))
  moved[row]!.embedding[place]! += by
  return policy.loss(moved).loss
}

function rowsOf(columns: readonly number[]): readonly EmbeddedRow[] {
  const random = openRandom(1, 'rows')
  return columns.map((column, at) => ({
    embedding: Float32Array.from({ length: 4 }, () => random.normal()),
    column,
    weight: 1 + (at % 2),
  }))
}
