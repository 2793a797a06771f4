import { describe, expect, test } from 'vitest'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Score } from '../../src/contracts/example.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openErrors } from '../../src/tasks/regression/quality.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { targetStatistics } from '../../src/tasks/regression/target-statistics.ts'
import { thrown } from '../coded.ts'
import { ofRow } from './classification-of.ts'

const squared = openRegression({ loss: 'squared', huber_delta: 1 })
const huber = openRegression({ loss: 'huber', huber_delta: 1 })

/** The statistics after these targets: [count, mean, deviation]. */
function countedOf(targets: readonly number[], before: Tensors = new Map()) {
  const rows = targets.map((target) => ({ target, weight: 1 }))
  const after = targetStatistics.observe(before, rows)
  const read = (name: string) => after.get(name)!.data[0]!
  return { after, read: ['count', 'mean', 'deviation'].map((name) => read(`head.${name}`)) }
}

const outputs = (z: number, mean: number, deviation: number) => Float32Array.of(z, mean, deviation)

describe('statistics of the targets', () => {
  test('are their mean and deviation', () => {
    const [count, mean, deviation] = countedOf([1, 3, 5, 7]).read
    expect([count, mean]).toEqual([4, 4])
    expect(deviation).toBeCloseTo(Math.sqrt(5), 6)
  })

  test('are the same when they are counted in parts', () => {
    const first = countedOf([100, 150, 90])
    expect(countedOf([120, 80], first.after).read[1]).toBeCloseTo(108, 4)
  })

  test('have a unit from the first target on, whatever it is', () => {
    for (const target of [0, 1e-9, -3, 1e15]) expect(countedOf([target]).read[2]).toBeGreaterThan(0)
  })

  test('count a far target as five deviations, and one beyond the window not at all', () => {
    const usual = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? -1 : 1))
    const { read } = countedOf([25], countedOf(usual).after)
    expect(read[1]).toBeCloseTo(5 / 101, 2)
    expect(read[2]).toBeLessThan(2)
    const { after } = countedOf(usual)
    expect(countedOf([1e12], after).read).toEqual([101, ...countedOf([], after).read.slice(1)])
  })

  const usualTargets = (count: number, seed = 1) => {
    const random = openRandom(seed, 'targets')
    return Array.from({ length: count }, () => 50 + 10 * random.normal())
  }

  test.each([0, 1, 3, 7])('are not ruined by one outlier among the first eight, at %d', (at) => {
    const targets = usualTargets(200)
    const [, mean, deviation] = countedOf(targets.with(at, 9_999_999)).read
    expect(Math.abs(mean! - 50)).toBeLessThan(5)
    expect(deviation).toBeGreaterThan(8)
    expect(deviation).toBeLessThan(20)
  })

  test('are not widened by a run of outliers, and follow a change that lasts', () => {
    const before = countedOf(usualTargets(2000)).after
    const run = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? 1e15 : -1e15))
    const { after, read } = countedOf(run, before)
    for (const [, mean, deviation] of [read, countedOf(usualTargets(1200, 2), after).read]) {
      expect(Math.abs(mean! - 50)).toBeLessThan(1)
      expect(Math.abs(deviation! - 10)).toBeLessThan(1)
    }
    // Another unit.
    const changed = usualTargets(900, 3).map((target) => 1000 * target)
    expect(countedOf(changed, before).read[2]).toBeGreaterThan(10_000)
  })

  test.each([8, 10, 12])('do not follow a hundred at %d deviations, only more of them', (far) => {
    const before = countedOf(usualTargets(150)).after
    const moved = usualTargets(1000, 2).map((target) => 10 * far + target)
    const { after, read } = countedOf(moved.slice(0, 100), before)
    expect(read.slice(1)).toEqual(countedOf([], before).read.slice(1))
    expect(countedOf(moved.slice(100), after).read[1]).toBeGreaterThan(50 + 6 * far)
  })

  test('are those of the window where a run of outliers came before anything else', () => {
    const { after, read } = countedOf([...usualTargets(10), ...new Array<number>(100).fill(1e15)])
    expect(read[2]).toBeGreaterThan(1e14)
    const [, mean, deviation] = countedOf(usualTargets(600, 2), after).read
    expect(Math.abs(mean! - 50)).toBeLessThan(5)
    expect(deviation).toBeLessThan(20)
  })

  test('of an earlier release, without the last targets, count on', () => {
    const { after } = countedOf(usualTargets(500))
    const earlier = new Map([...after].filter(([name]) => name !== 'head.recent'))
    const own = targetStatistics.adopt!(earlier)
    expect(own.get('head.recent')!.shape).toEqual(after.get('head.recent')!.shape)
    expect(countedOf([1e15, -1e15, 1e15], own).read[2]).toBeLessThan(20)
    expect(targetStatistics.adopt!(after)).toBe(after)
  })

  test('do not change what they were given', () => {
    const { after } = countedOf([1, 2])
    const bytes = [...after].map(([name, { data }]) => [name, ...data])
    countedOf([50], after)
    expect([...after].map(([name, { data }]) => [name, ...data])).toEqual(bytes)
  })
})

describe.each([
  ['squared', squared, 0.5 * 9, 3],
  ['huber', huber, 3 - 0.5, 1],
] as const)('the %s loss', (_name, task, loss, slope) => {
  test('is in deviations of the target, and a share of it counts', () => {
    const gradient = new Float32Array(3)
    const row = { target: 40, outputs: outputs(1, 100, 30), share: 2 }
    expect(task.loss(row, [], gradient, new Map())).toBeCloseTo(2 * loss, 6)
    expect([...gradient]).toEqual([2 * slope, 0, 0])
  })

  test('has the slope that finite differences have', () => {
    for (const z of [-3, -0.2, 0.3, 0.9, 4]) {
      const at = (shift: number, gradient = new Float32Array(3)) =>
        task.loss(
          { target: 7, outputs: outputs(z + shift, 5, 2), share: 1 },
          [],
          gradient,
          new Map(),
        )
      const gradient = new Float32Array(3)
      at(0, gradient)
      expect(gradient[0]).toBeCloseTo((at(0.01) - at(-0.01)) / 0.02, 3)
    }
  })
})

test('a target that is far from all others pulls little', () => {
  const gradientOf = (target: number) => {
    const gradient = new Float32Array(3)
    huber.loss({ target, outputs: outputs(0, 100, 10), share: 1 }, [], gradient, new Map())
    return gradient[0]
  }
  expect([180, 260, 1e15].map(gradientOf)).toEqual([-1, -0.25, expect.closeTo(0, 20) as number])
})

test('the error is 0 for the right number, a half one deviation off, and never more than 1', () => {
  const error = (z: number, target: number) => squared.score(outputs(z, 100, 10), target, []).error
  expect(error(0, 100)).toBe(0)
  expect(error(1, 100)).toBeCloseTo(0.5)
  expect(error(0, 1e12)).toBeLessThanOrEqual(1)
})

test('before the first target there is an answer, and no loss', () => {
  expect(squared.decode(new Float32Array(3), ofRow({}))).toEqual({ value: 0 })
  expect(squared.score(new Float32Array(3), 5, [])).toMatchObject({ error: 1, loss: Infinity })
})

test('after a single target the next answer is eight deviations off at most, not a million', () => {
  const [, mean = 0, deviation = 0] = countedOf([3]).read
  const score = (task: typeof squared) => task.score(outputs(0, mean, deviation), 4, [])
  expect(score(squared).loss).toBe(0.5 * 8 ** 2)
  expect(score(huber).loss).toBe(8 - 0.5)
  expect(score(huber).error).toBeCloseTo(1, 3)
})

test.each([
  ['label', { kind: 'label', label: 'a' }],
  ['rating', { kind: 'rating', rating: 1 }],
] as const)('a %s is refused with what to send instead', (_kind, signal) => {
  for (const refused of [() => squared.target(signal, '3', []), () => squared.admit(signal)]) {
    const error = thrown(refused)
    expect(error.code).toBe('SIGNAL_UNSUPPORTED')
    expect(error.fix).toContain('"value": 3.2')
  }
})

describe('the report', () => {
  const scoreOf = (answer: number): Score => ({ answer, error: 0.25, loss: 1 })
  const report = (pairs: readonly (readonly [answer: number, target: number])[]) => {
    const errors = openErrors()
    for (const [answer, target] of pairs) errors.observe(scoreOf(answer), target)
    return errors
  }

  test('has the mean absolute error beside the running mean and the last value', () => {
    const errors = report([
      [0, 10],
      [12, 20],
      [18, 12],
    ])
    expect(errors.report()).toMatchObject({
      ...{ events: 2, mae: 7, accuracy: 0.75 },
      baselines: {
        // |10 − 20|, |15 − 12|
        running_mean: { value: 14, mae: 6.5 },
        // |10 − 20|, |20 − 12|
        last_value: { value: 12, mae: 9 },
      },
    })
  })

  test('says nothing where there was nothing', () => {
    expect(report([]).report()).toMatchObject({
      ...{ events: 0, mae: 0 },
      baselines: { running_mean: { value: null }, last_value: { value: null } },
    })
  })

  test('goes on from a snapshot, restored twice', () => {
    const pairs = [
      [1, 2],
      [3, 5],
      [4, 4],
    ] as const
    const half = report(pairs.slice(0, 2)).snapshot()
    const errors = openErrors()
    errors.restore(half)
    errors.restore(half)
    errors.observe(scoreOf(4), 4)
    expect(errors.report()).toEqual(report(pairs).report())
    expect(JSON.parse(JSON.stringify(errors.snapshot()))).toEqual(errors.snapshot())
  })
})
