/** Steps in place against those of the reference, which makes new arrays in double precision. */
import { describe, expect, test } from 'vitest'
import type { Hyperparameters } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import { KernelRule } from '../../src/optim/engines/kernel-rule.ts'
import { KernelWeights } from '../../src/optim/engines/kernel-weights.ts'
import { globalNorm, optimizerOf } from '../../src/optim/optimizer.ts'
import { averaged, stepped, type Weights } from '../../src/optim/weights.ts'
import { floats } from '../../src/nn/js/wasm/memory.ts'
import { openRandom } from '../../src/platform/random.ts'

const shapes = { 'head.weight': [3, 5], 'head.bias': [5], 'hidden.0.weight': [7, 3] }
const own = { learning_rate: 0.01, clip_norm: 1, momentum: 0 }
const table: Record<string, Hyperparameters> = {
  sgd: { ...own, optimizer: 'sgd' },
  'sgd with decay': { ...own, optimizer: 'sgd', weight_decay: 0.5, weight_decay_steps: 7 },
  'momentum, averaged': { ...own, optimizer: 'sgd', momentum: 0.9, average: 0.9 },
  adam: { ...own, optimizer: 'adam' },
  'adam, with all that there is': {
    ...{ ...own, optimizer: 'adam', head_learning_rate: 0.05 },
    ...{ weight_decay: 1, weight_decay_steps: 5, average: 0.99 },
  },
}

describe('steps in place', () => {
  test.each(Object.entries(table))('%s is where the reference is after 20 steps', (_, by) => {
    const random = openRandom(1, 'steps')
    const optimizer = optimizerOf(by)
    const inPlace = new KernelWeights(optimizer, by)
    let weights = startOf(random)
    expect(inPlace.load(weights)).toBe(true)
    for (let at = 0; at < 20; at += 1) {
      const gradients = dataOf(drawn(random))
      const norm = globalNorm(gradients.values())
      const rateFactor = at % 3 === 0 ? 0.5 : 1
      const factors = { rateFactor, headFactor: at % 4 === 0 ? 0.3 : 1 }
      weights = stepped(weights, optimizer, gradients, norm, { ...by, ...factors })!
      expect(inPlace.norm(gradients)).toBeCloseTo(norm, 12)
      expect(inPlace.step(norm, factors)).toBe(true)
    }
    expect(inPlace.steps).toBe(20)
    expectNear(inPlace.weights.parameters, weights.parameters)
    for (const [name, arrays] of weights.slots)
      for (const [slot, array] of arrays.entries())
        expect(distance(inPlace.weights.slots.get(name)![slot]!, array), name).toBeLessThan(1e-5)
    const mean = averaged(weights, optimizer) ?? weights.parameters
    for (const [name, { at }] of inPlace.answering) {
      const { data } = mean.get(name)!
      expect(distance(floats(at, data.length), data), name).toBeLessThan(1e-5)
    }
    inPlace.close()
  })

  test('start again where a copy was made, and the copy stays as it was', () => {
    const by = table['adam, with all that there is']!
    const random = openRandom(2, 'steps')
    const inPlace = new KernelWeights(optimizerOf(by), by)
    const steps = (gradients: readonly ReadonlyMap<string, Float32Array>[]) => {
      for (const each of gradients) inPlace.step(inPlace.norm(each), { rateFactor: 1 })
      return inPlace.weights
    }
    const gradients = Array.from({ length: 4 }, () => dataOf(drawn(random)))
    inPlace.load(startOf(random))
    const copy = steps(gradients.slice(0, 2))
    const bytes = bytesOf(copy)
    const after = bytesOf(steps(gradients.slice(2)))
    expect(bytesOf(copy)).toBe(bytes)
    expect(inPlace.load(copy)).toBe(false)
    expect(bytesOf(inPlace.weights)).toBe(bytes)
    expect(bytesOf(steps(gradients.slice(2)))).toBe(after)
    inPlace.close()
  })

  test.each([['sgd'], ['adam']])('of %s that would not stay finite move nothing', (name) => {
    const by = { ...table[name]!, learning_rate: 1e38, head_learning_rate: 1e38, clip_norm: 1e38 }
    const random = openRandom(3, 'steps')
    const inPlace = new KernelWeights(optimizerOf(by), by)
    inPlace.load(startOf(random))
    const before = bytesOf(inPlace.weights)
    const gradients = new Map(
      [...dataOf(drawn(random))].map(([each, data]) => [each, data.map((x) => 1e3 * x)]),
    )
    const most = Math.max(...[...gradients.values()].map((data) => Math.max(...data)))
    expect(most).toBeGreaterThan(10)
    let moved = true
    for (let at = 0; moved && at < 10; at += 1)
      moved = inPlace.step(inPlace.norm(gradients), { rateFactor: 1 })
    expect(moved).toBe(false)
    const after = inPlace.weights
    expect([...after.parameters.values()].every(({ data }) => data.every(Number.isFinite))).toBe(
      true,
    )
    if (name === 'sgd') expect(bytesOf(after)).toBe(before)
    inPlace.close()
  })

  test('stay in place for a million steps', () => {
    const by = table['adam, with all that there is']!
    const rule = new KernelRule(by)
    const { parameters, slots } = startOf(openRandom(4, 'steps'))
    rule.measure({ parameters, slots, steps: 0 }, optimizerOf(by))
    let safe = true
    for (let step = 1; safe && step <= 1e6; step += 1)
      safe = rule.isSafe({ rate: 0.05, shrink: 0.05, step, gradient: 1 })
    expect(safe).toBe(true)
  })

  test.each([['momentum, averaged'], ['adam, with all that there is']])(
    '%s: what no gradient reaches any more fades to 0, and never to subnormal numbers',
    (name) => {
      const by = table[name]!
      const random = openRandom(5, 'steps')
      const inPlace = new KernelWeights(optimizerOf(by), by)
      inPlace.load(startOf(random))
      const numbers = () => [...inPlace.weights.slots.values()].flatMap(([first]) => [...first!])
      inPlace.step(inPlace.norm(dataOf(drawn(random))), { rateFactor: 1 })
      expect(numbers().every((each) => each !== 0)).toBe(true)
      let least = Infinity
      for (let at = 0; at < 1000; at += 1) {
        inPlace.step(inPlace.norm(new Map()), { rateFactor: 1 })
        for (const each of numbers()) if (each !== 0) least = Math.min(least, Math.abs(each))
      }
      expect(least).toBeGreaterThan(2 ** -120)
      expect(numbers().every((each) => each === 0)).toBe(true)
      inPlace.close()
    },
  )

  test('other shapes lie elsewhere', () => {
    const by = table.adam!
    const inPlace = new KernelWeights(optimizerOf(by), by)
    const small: Weights = { parameters: tensor('head.bias', 3), slots: new Map(), steps: 0 }
    const large: Weights = { parameters: tensor('head.bias', 5), slots: new Map(), steps: 0 }
    expect([small, small, large].map((each) => inPlace.load(each))).toEqual([true, false, true])
    expect([...inPlace.weights.parameters.get('head.bias')!.data]).toEqual([1, 1, 1, 1, 1])
    expect(inPlace.size).toBe(5)
    inPlace.close()
  })
})

function tensor(name: string, size: number): Tensors {
  return new Map([[name, { shape: [size], data: new Float32Array(size).fill(1) }]])
}

function drawn(random: ReturnType<typeof openRandom>): Tensors {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, each) => product * each, 1)
      return [name, { shape, data: Float32Array.from({ length: size }, () => random.normal()) }]
    }),
  )
}

function startOf(random: ReturnType<typeof openRandom>): Weights {
  return { parameters: drawn(random), slots: new Map(), steps: 0 }
}

function dataOf(tensors: Tensors): ReadonlyMap<string, Float32Array> {
  return new Map([...tensors].map(([name, { data }]) => [name, data]))
}

function bytesOf({ parameters, slots, steps }: Weights): string {
  const arrays = [
    ...[...parameters.values()].map(({ data }) => data),
    ...[...slots.values()].flat(),
  ]
  return `${steps} ${arrays.map((data) => Buffer.from(data.slice().buffer).toString('hex')).join()}`
}

function expectNear(found: Tensors, wanted: Tensors): void {
  expect([...found.keys()]).toEqual([...wanted.keys()])
  for (const [name, { data }] of wanted)
    expect(distance(found.get(name)!.data, data), name).toBeLessThan(1e-5)
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0)
}
