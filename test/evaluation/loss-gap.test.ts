/** Overfitting: the gap between the losses of learned and of unseen rows, over many updates. */
import { expect, test } from 'vitest'
import { LossGap, type SeenLosses } from '../../src/evaluation/loss-gap.ts'

const open = () => new LossGap({ gap: 0.5, updates: 3 })
const of = (mean: number, count = 4) => ({ sum: mean * count, count })

function losses(trained: number, heldOut: number): SeenLosses {
  return { trained: of(trained), heldOut: of(heldOut), prequential: of(1) }
}

test('is the difference of fading means over the rows of the updates', () => {
  const gap = open()
  gap.observe({ trained: of(0.1, 2), heldOut: of(0.5, 4), prequential: of(1) })
  gap.observe({ trained: of(0.3, 2), heldOut: of(1, 4), prequential: of(1) })
  const trained = (0.9 * 0.2 + 0.6) / (0.9 * 2 + 2)
  const unseen = (0.9 * 2 + 4) / (0.9 * 4 + 4)
  expect(gap.report?.trained).toBeCloseTo(trained, 12)
  expect(gap.report?.unseen).toBeCloseTo(unseen, 12)
  expect(gap.report?.gap).toBeCloseTo(unseen - trained, 12)
})

test('is worth a warning, with a fix, only after updates in a row', () => {
  const gap = open()
  const warnings = [1, 2, 3, 4].map(() => {
    gap.observe(losses(0.1, 0.9))
    return gap.report?.warning
  })
  expect(warnings.slice(0, 2)).toEqual([undefined, undefined])
  expect(warnings[2]).toMatch(/^overfitting: .* 0\.80 above .* 3 updates; .*train\.epochs/)
  for (let update = 0; update < 20; update += 1) gap.observe(losses(0.1, 0.2))
  expect(gap.report).toMatchObject({ updates: 0 })
  expect(gap.report?.warning).toBeUndefined()
})

test('stands on the blocks before they were learned where nothing is held out, and says so', () => {
  const gap = open()
  gap.observe({ trained: of(0.1), prequential: { sum: 100, count: 1000 } })
  // The stream before the first update is not its block.
  expect(gap.report).toBeUndefined()
  for (const at of [1, 2, 3])
    gap.observe({ trained: of(0.1), prequential: { sum: 100 + 8 * at, count: 1000 + 4 * at } })
  expect(gap.report).toMatchObject({ from: 'prequential', updates: 3 })
  expect(gap.report?.unseen).toBeCloseTo(2, 6)
  expect(gap.report?.warning).toContain('evaluation.held_out shows which')
})

test('begins again when rows are held out that were not before', () => {
  const gap = open()
  for (const at of [1, 2, 3])
    gap.observe({ trained: of(0.1), prequential: { sum: 8 * at, count: 4 * at } })
  gap.observe(losses(0.3, 0.4))
  expect(gap.report).toMatchObject({ from: 'held-out', updates: 0 })
  expect(gap.report?.gap).toBeCloseTo(0.1, 12)
})

test('goes on where it was after a restart, twice even', () => {
  const [gap, restored] = [open(), open()]
  gap.observe(losses(0.1, 0.9))
  const state = structuredClone(gap.snapshot())
  restored.restore(state)
  restored.restore(state)
  for (const each of [gap, restored]) each.observe(losses(0.2, 0.8))
  expect(restored.snapshot()).toEqual(gap.snapshot())
  restored.restore(null)
  expect(restored.report).toBeUndefined()
})
