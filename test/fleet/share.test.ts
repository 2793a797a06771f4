/** Who should train what: laws of the pure rule, and how it behaves over time. */
import { describe, expect, test } from 'vitest'
import { Shares, spread, type Trainer } from '../../src/fleet/shares.ts'
import { fc } from '../properties.ts'

const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_none, index) => `${prefix}${String(index)}`)

/** Trainers that can all train everything, each model held by one of them or by nobody. */
const equalTrainers = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 30 }))
  .chain(([count, models]) =>
    fc
      .array(fc.option(fc.nat(count - 1)), { minLength: models, maxLength: models })
      .map((holders) => trainersOf(count, holders)),
  )

function trainersOf(count: number, holders: readonly (number | null)[]): Trainer[] {
  const models = named('m', holders.length)
  return named('t', count).map((name, index) => ({
    name,
    models,
    holds: models.filter((_model, at) => holders[at] === index),
  }))
}

/** Trainers that can train some models each. */
const unequalTrainers = fc
  .array(fc.subarray(named('m', 12)), { minLength: 1, maxLength: 6 })
  .map((able) => able.map((models, index) => ({ name: `t${String(index)}`, models, holds: [] })))

function loadsOf(trainers: readonly Trainer[], should: ReadonlyMap<string, string>): number[] {
  return trainers.map(({ name }) => [...should.values()].filter((each) => each === name).length)
}

const settled = (trainers: readonly Trainer[], should: ReadonlyMap<string, string>): Trainer[] =>
  trainers.map((trainer) => ({
    ...trainer,
    holds: [...should].filter(([, name]) => name === trainer.name).map(([model]) => model),
  }))

const moved = (trainers: readonly Trainer[], should: ReadonlyMap<string, string>): number =>
  trainers.flatMap(({ name, holds }) => holds.filter((model) => should.get(model) !== name)).length

describe('the rule', () => {
  test('gives every model to one who can train it', () => {
    fc.assert(
      fc.property(unequalTrainers, (trainers) => {
        const should = spread(trainers)
        expect([...should.keys()].sort()).toEqual(
          [...new Set(trainers.flatMap(({ models }) => models))].sort(),
        )
        for (const [model, name] of should)
          expect(trainers.find((each) => each.name === name)?.models).toContain(model)
      }),
    )
  })

  test('lets no two differ by more than one model', () => {
    fc.assert(
      fc.property(equalTrainers, (trainers) => {
        const loads = loadsOf(trainers, spread(trainers))
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('moves as few as it must', () => {
    fc.assert(
      fc.property(equalTrainers, (trainers) => {
        // Those who have more than their share keep ⌈M/N⌉, as many of them as there are such shares, and the rest ⌊M/N⌋.
        const total = trainers[0]!.models.length
        const floor = Math.floor(total / trainers.length)
        const held = trainers.map(({ holds }) => holds.length)
        const over = held.filter((count) => count > floor).length
        const kept = held.reduce((sum, count) => sum + Math.min(count, floor), 0)
        const least = held.reduce((sum, count) => sum + count, 0) - kept
        expect(moved(trainers, spread(trainers))).toBe(
          least - Math.min(over, total % trainers.length),
        )
      }),
    )
  })

  test('comes to the same answer whatever the order of what it is told', () => {
    const shuffled = equalTrainers.chain((trainers) =>
      fc.tuple(
        fc.constant(trainers),
        fc.shuffledSubarray(trainers, { minLength: trainers.length }),
        fc.shuffledSubarray([...trainers[0]!.models], { minLength: trainers[0]!.models.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([trainers, others, models]) => {
        const again = others.map((trainer) => ({
          ...trainer,
          models,
          holds: [...trainer.holds].reverse(),
        }))
        expect(new Map([...spread(again)].sort())).toEqual(new Map([...spread(trainers)].sort()))
      }),
    )
  })

  test('once followed, asks for nothing more', () => {
    fc.assert(
      fc.property(fc.oneof(equalTrainers, unequalTrainers), (trainers) => {
        const after = settled(trainers, spread(trainers))
        expect(moved(after, spread(after))).toBe(0)
      }),
    )
  })

  test('a daemon that comes gets its share, and nothing else moves', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 40 }),
        (count, total) => {
          const models = named('m', total)
          const alone = named('t', count).map((name) => ({ name, models, holds: [] }))
          const before = settled(alone, spread(alone))
          const after = [...before, { name: 'new', models, holds: [] }]
          const should = spread(after)
          expect(moved(after, should)).toBe(Math.floor(total / (count + 1)))
          for (const [model, name] of should)
            if (name !== 'new')
              expect(before.find((each) => each.name === name)!.holds).toContain(model)
        },
      ),
    )
  })

  test('a daemon that goes leaves its models to the others, and nothing else moves', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 0, max: 40 }),
        (count, total) => {
          const models = named('m', total)
          const alone = named('t', count).map((name) => ({ name, models, holds: [] }))
          const [, ...left] = settled(alone, spread(alone))
          expect(moved(left, spread(left))).toBe(0)
        },
      ),
    )
  })

  test('a thousand models over ten daemons are a matter of milliseconds', () => {
    const models = named('m', 1000)
    const trainers = named('t', 10).map((name, index) => ({
      name,
      models,
      holds: index === 0 ? models : [],
    }))
    expect(loadsOf(trainers, spread(trainers))).toEqual(named('t', 10).map(() => 100))
  })
})

describe('over time', () => {
  const models = ['m0', 'm1']
  const a = (holds: readonly string[]) => ({ name: 'a', models, holds })
  const b = (holds: readonly string[]) => ({ name: 'b', models, holds })
  const open = (replica: string) => new Shares({ replica, settledMs: 3000, leaseMs: 6000 })

  test('nothing is asked for before the others had time to show themselves', () => {
    const shares = open('a')
    expect(shares.wants('m0')).toBe(false)
    shares.see([a([])], 0)
    expect(shares.wants('m0')).toBe(false)
    shares.see([a([]), b([])], 2000)
    expect(models.map((model) => shares.wants(model))).toEqual([true, false])
  })

  test('a model is given back after another should have had it for a while', () => {
    const shares = open('a')
    shares.see([a(models)], 0)
    shares.see([a(models), b([])], 1000)
    shares.see([a(models), b([])], 3999)
    expect(models.map((model) => shares.gives(model))).toEqual([false, false])
    shares.see([a(models), b([])], 4000)
    expect(models.map((model) => shares.gives(model))).toEqual([false, true])
  })

  test('a daemon that comes and goes moves nothing', () => {
    const shares = open('a')
    for (let second = 0; second < 60; second += 1) {
      shares.see(second % 3 === 2 ? [a(models)] : [a(models), b([])], second * 1000)
      expect(models.some((model) => shares.gives(model))).toBe(false)
    }
  })

  test('while Redis is away nothing is asked for and nothing given back', () => {
    const shares = open('a')
    shares.see([a(models), b([])], 0)
    shares.see([a(models), b([])], 5000)
    expect(shares.gives('m1')).toBe(true)
    shares.see(undefined, 6000)
    expect(shares.gives('m1') || shares.wants('m0')).toBe(false)
    shares.see([a(models), b([])], 7000)
    expect(shares.gives('m1')).toBe(false)
  })

  test('a model that its daemon does not take is taken in by another, and stays there for a while', () => {
    const shares = open('b')
    for (let second = 0; second <= 17; second += 1) shares.see([a([]), b(['m1'])], second * 1000)
    expect(shares.wants('m0')).toBe(false)
    shares.see([a([]), b(['m1'])], 18_000)
    expect(shares.wants('m0')).toBe(true)
    for (let second = 19; second < 180; second += 1) {
      shares.see([a([]), b(models)], second * 1000)
      expect(models.some((model) => shares.gives(model))).toBe(false)
    }
    shares.see([a([]), b(models)], 198_000)
    expect(models.some((model) => shares.gives(model))).toBe(true)
  })
})
