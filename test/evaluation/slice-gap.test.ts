/** Bias: the widest gap between two slices, and how sure it is. */
import { describe, expect, test } from 'vitest'
import { fading, noMean, observed, type MeanState } from '../../src/evaluation/running-scores.ts'
import { Quality } from '../../src/evaluation/scoreboard.ts'
import { servedGap, widestGap } from '../../src/evaluation/slice-gap.ts'
import { openRandom } from '../../src/platform/random.ts'
import { classificationOf } from '../tasks/classification-of.ts'

/** Every `each`-th answer of `count` is wrong. */
function stateOf(count: number, each: number): MeanState {
  return Array.from({ length: count }, (_, at) => (at % each === each - 1 ? 0 : 1)).reduce(
    observed,
    noMean,
  )
}

const quality = () =>
  new Quality(classificationOf(), { rows: 3, sources: 3, slices: 2, sliceExamples: 100 })

function answer(to: Quality, slice: string | undefined, error: number): void {
  const target = { kind: 'label', label: 'a' } as const
  const score = { error, loss: 1, answer: error === 0 ? 'a' : 'b' }
  to.observe(score, { source: 's', target, ...(slice !== undefined && { slice }) })
}

describe('the widest gap', () => {
  test('is between the best and the worst slice, and contains the true difference', () => {
    const gap = widestGap(
      [
        ['eu', stateOf(400, 10)],
        ['us', stateOf(400, 2)],
        ['jp', stateOf(400, 5)],
      ],
      100,
    )
    expect(gap).toMatchObject({ best: 'eu', worst: 'us', slices: 3 })
    expect(gap!.points).toBeCloseTo(40, 0)
    expect(gap!.low).toBeGreaterThan(20)
    expect(gap!.high).toBeLessThan(60)
  })

  test('does not exist for slices with too few examples', () => {
    expect(
      widestGap(
        [
          ['eu', stateOf(99, 10)],
          ['us', stateOf(400, 2)],
        ],
        100,
      ),
    ).toBeUndefined()
    expect(widestGap([], 1)).toBeUndefined()
  })

  test('is narrower with more examples, down to the precision of the fading mean', () => {
    const width = (count: number) => {
      const { low, high } = widestGap(
        [
          ['a', stateOf(count, 4)],
          ['b', stateOf(count, 2)],
        ],
        10,
      )!
      return high - low
    }
    expect(width(400)).toBeLessThan(width(50))
    expect(width(20_000)).toBeCloseTo(width(10_000), 3)
  })

  test('counts a fading mean of n examples as (Σw)²/Σw² of them', () => {
    const weights = Array.from({ length: 300 }, (_, at) => fading ** at)
    const sum = weights.reduce((all, weight) => all + weight, 0)
    const effective = sum ** 2 / weights.reduce((all, weight) => all + weight ** 2, 0)
    const gap = widestGap(
      [
        ['a', stateOf(300, 1000)],
        ['b', stateOf(300, 1)],
      ],
      10,
    )!
    const share = 1 / (effective + 2)
    const variance = (2 * share * (1 - share)) / (effective + 2)
    expect(gap.points - gap.low).toBeCloseTo(100 * Math.sqrt(2 * Math.log(40) * variance), 6)
  })

  test('between slices that are served alike is shown as no chance at most once in twenty', () => {
    const random = openRandom(7, 'slices')
    const trials = 400
    const false_ = Array.from({ length: trials }, () => {
      const slices = ['a', 'b', 'c', 'd', 'e'].map((slice) => {
        const rights = Array.from({ length: 150 }, () => (random.uniform() < 0.8 ? 1 : 0))
        return [slice, rights.reduce<MeanState>(observed, noMean)] as const
      })
      return widestGap(slices, 100)!.low > 0
    }).filter(Boolean).length
    expect(false_ / trials).toBeLessThanOrEqual(0.05)
  })
})

describe('the quality of a model', () => {
  test('has a row for each slice, within the limit, and the gap between them', () => {
    const seen = quality()
    for (let at = 0; at < 200; at += 1) {
      answer(seen, 'eu', 0)
      answer(seen, 'us', at % 2)
      if (at < 10) answer(seen, `made-up-${at}`, 1)
    }
    const { slices, slice_gap } = seen.report()
    expect(slices!.map(({ slice, count }) => [slice, count])).toEqual([
      ['eu', 200],
      ['us', 200],
      ['other', 10],
    ])
    expect(slice_gap).toMatchObject({ best: 'eu', worst: 'us' })
  })

  test('names no slices where events name none', () => {
    const seen = quality()
    answer(seen, undefined, 0)
    expect(seen.report()).not.toHaveProperty('slices')
    expect(seen.report()).not.toHaveProperty('slice_gap')
  })

  test('is the same after a restart, also from a checkpoint that has no slices', () => {
    const seen = quality()
    for (let at = 0; at < 150; at += 1) {
      answer(seen, 'eu', 0)
      answer(seen, 'us', 1)
    }
    const state = structuredClone(seen.snapshot())
    const restored = quality()
    restored.restore(state)
    restored.restore(state)
    expect(restored.report()).toEqual(seen.report())
    const { slices: _slices, ...old } = state
    restored.restore(old)
    expect(restored.report()).not.toHaveProperty('slices')
  })
})

describe('the gap of the answers that were served', () => {
  const part = (name: string, count: number, wrong: number) => ({
    name,
    count,
    error: wrong / count,
  })

  test('is between slices with enough judged answers', () => {
    const slices = [part('north', 60, 6), part('south', 40, 20), part('new', 29, 29)]
    const gap = servedGap([...slices, part('other', 50, 50)])
    expect(gap).toMatchObject({ best: 'north', worst: 'south', slices: 2 })
    expect(gap!.points).toBeCloseTo(40)
    expect([gap!.low > 0, gap!.high < 100]).toEqual([true, true])
    expect(servedGap(slices.slice(0, 1))).toBeUndefined()
  })

  test('is not given where errors are distances, which have no shares', () => {
    expect(servedGap([part('a', 50, 12.34), part('b', 50, 20)])).toBeUndefined()
    expect(servedGap([part('a', 50, 70), part('b', 50, 20)])).toBeUndefined()
  })
})
