import { describe, expect, it } from 'vitest'
import type { Hyperparameters } from '../../src/contracts/adapter.ts'
import { BLOCK } from '../../src/nn/js/wasm/lent.ts'
import {
  clipScale,
  globalNorm,
  type MovingWeights,
  type Optimizer,
  optimizerOf,
} from '../../src/optim/optimizer.ts'
import { openRandom } from '../../src/platform/random.ts'
import { averaged, stepped, type Weights } from '../../src/optim/weights.ts'

const hyperparameters = { learning_rate: 0.1, momentum: 0, clip_norm: 1 }
const f32 = (...values: number[]): Float32Array => Float32Array.from(values)

type At = Parameters<Optimizer['update']>[2]

function updated(
  optimizer: Optimizer,
  before: MovingWeights,
  gradient: Float32Array,
  at: At,
): MovingWeights {
  const room = () => new Float32Array(before.weights.length)
  const into = { weights: room(), slots: optimizer.slots.map(room) }
  optimizer.update(before, gradient, at, into)
  return into
}

/** Runs gradients through an optimizer, from the weight 1, and answers the weight after each. */
function course(
  config: Partial<Hyperparameters>,
  gradients: readonly number[],
  rate = 0.1,
): number[] {
  const optimizer = optimizerOf({ ...hyperparameters, optimizer: 'adam', ...config })
  let state = {
    weights: f32(1),
    slots: optimizer.slots.map(() => f32(0)) as readonly Float32Array[],
  }
  return gradients.map((gradient, at) => {
    state = updated(optimizer, state, f32(gradient), { rate, scale: 1, step: at + 1 })
    return state.weights[0]!
  })
}

describe('adam', () => {
  it('takes the steps of its paper', () => {
    // m = 0.2, 0.08; v = 0.004, 0.004996; corrected by 1 − βᵗ.
    const second = 0.9 - (0.1 * (0.08 / 0.19)) / (Math.sqrt(0.004996 / 0.001999) + 1e-8)
    const [first, then] = course({}, [2, -1])
    expect(first).toBeCloseTo(0.9, 6)
    expect(then).toBeCloseTo(second, 6)
  })

  it('first steps by the rate, whatever the size of the gradient', () => {
    for (const gradient of [1e-4, 1, 1e4]) expect(course({}, [gradient])[0]).toBeCloseTo(0.9, 4)
  })

  it('stays where it is without a gradient', () => {
    expect(course({}, [0, 0, 0])).toEqual([1, 1, 1])
  })
})

describe('sgd', () => {
  it('steps against the gradient', () => {
    const [first, second] = course({ optimizer: 'sgd' }, [2, -1])
    expect(first).toBeCloseTo(0.8, 6)
    expect(second).toBeCloseTo(0.9, 6)
  })

  it('remembers nothing without momentum', () => {
    expect(optimizerOf({ ...hyperparameters, optimizer: 'sgd' }).slots).toEqual([])
    expect(optimizerOf({ ...hyperparameters, optimizer: 'sgd', momentum: 0.1 }).slots).toHaveLength(
      1,
    )
  })

  it('keeps going with momentum', () => {
    const [first, second] = course({ optimizer: 'sgd', momentum: 0.5 }, [2, 0])
    expect(first).toBeCloseTo(0.8, 6)
    expect(second).toBeCloseTo(0.7, 6)
  })
})

describe.each(['adam', 'sgd'] as const)('%s', (name) => {
  it('changes nothing in place', () => {
    const optimizer = optimizerOf({ ...hyperparameters, optimizer: name })
    const before = { weights: f32(1, 2), slots: optimizer.slots.map(() => f32(3, 4)) }
    const gradient = f32(5, 6)
    updated(optimizer, before, gradient, { rate: 0.1, scale: 0.5, step: 1 })
    expect([before.weights, gradient]).toEqual([f32(1, 2), f32(5, 6)])
    for (const slot of before.slots) expect(slot).toEqual(f32(3, 4))
  })

  it('finds the lowest point of a bowl', () => {
    const optimizer = optimizerOf({ ...hyperparameters, optimizer: name, momentum: 0.9 })
    let state = {
      weights: f32(3, -2),
      slots: optimizer.slots.map(() => f32(0, 0)) as readonly Float32Array[],
    }
    for (let step = 1; step <= 500; step += 1) {
      const gradient = f32(state.weights[0]! - 1, 10 * (state.weights[1]! - 1))
      state = updated(optimizer, state, gradient, { rate: 0.02, scale: 1, step })
    }
    expect(state.weights[0]).toBeCloseTo(1, 2)
    expect(state.weights[1]).toBeCloseTo(1, 2)
  })
})

describe('weight decay', () => {
  it('shrinks by the rate, apart from the gradient', () => {
    for (const optimizer of ['adam', 'sgd'] as const) {
      const [first, second] = course({ optimizer, weight_decay: 0.5 }, [0, 0])
      expect(first).toBeCloseTo(0.95, 6)
      expect(second).toBeCloseTo(0.95 ** 2, 6)
    }
    const [with_] = course({ weight_decay: 0.5 }, [2])
    expect(with_).toBeCloseTo(0.9 - 0.05, 6)
  })

  it('wears off: half of it after as many steps as were given', () => {
    const decays = { weight_decay: 0.5, weight_decay_steps: 2 }
    const [first, second, third] = course(decays, [0, 0, 0])
    expect(first).toBeCloseTo(0.95, 6)
    expect(second! / first!).toBeCloseTo(1 - 0.05 * (2 / 3), 6)
    expect(third! / second!).toBeCloseTo(1 - 0.05 / 2, 6)
  })
})

describe('averaging', () => {
  const gradients = [3, -1, 2, 0, -4, 1, 5, -2]

  it('is that of the weights, slow from the start, and leaves the steps as they are', () => {
    const config = { optimizer: 'sgd', average: 0.4 } as const
    const weights = course(config, gradients)
    expect(weights).toEqual(course({ optimizer: 'sgd' }, gradients))
    const averages = averagesOf(config, gradients)
    let wanted = 1
    for (const [at, weight] of weights.entries()) {
      const kept = Math.min(0.4, (at + 1) / (at + 10))
      wanted = kept * wanted + (1 - kept) * weight
      expect(averages[at]).toBeCloseTo(wanted, 5)
    }
  })

  it('averages what decay has shrunk', () => {
    const config = { optimizer: 'sgd', average: 0.99, weight_decay: 1 } as const
    expect(averagesOf(config, [0])[0]).toBeCloseTo(0.1 + 0.9 * 0.9, 6)
  })

  function averagesOf(config: Partial<Hyperparameters>, slopes: readonly number[]): number[] {
    const optimizer = optimizerOf({ ...hyperparameters, optimizer: 'adam', ...config })
    const shape = [1]
    let state = {
      parameters: new Map([['w', { shape, data: f32(1) }]]),
      slots: new Map(),
      steps: 0,
    }
    const at = { learning_rate: 0.1, momentum: 0, clip_norm: Infinity, rateFactor: 1 }
    return slopes.map((slope) => {
      const gradient = new Map([['w', f32(slope)]])
      const all = { ...at, optimizer: 'sgd' } as const
      state = stepped(state, optimizer, gradient, Math.abs(slope), all) as typeof state
      return averaged(state, optimizer)!.get('w')!.data[0]!
    })
  }
})

describe('a long array', () => {
  const length = BLOCK + 77
  const random = openRandom(5, 'test')
  const numbers = (count: number, factor = 1) =>
    Float32Array.from({ length: count }, (_, at) => (at % 9 === 0 ? -0 : factor * random.normal()))
  const bits = (array: Float32Array) => new Int32Array(array.buffer, array.byteOffset, array.length)

  it.each<[string, Partial<Hyperparameters>]>([
    ['sgd', { optimizer: 'sgd' }],
    ['sgd with momentum', { optimizer: 'sgd', momentum: 0.9, average: 0.9 }],
    ['adam', { optimizer: 'adam' }],
    ['adam with decay', { optimizer: 'adam', weight_decay: 0.3, weight_decay_steps: 2 }],
    ['adam with all', { optimizer: 'adam', weight_decay: 0.3, average: 0.99 }],
  ])('moves by %s to the same bits as its numbers in short ones', (_, config) => {
    const all = { ...hyperparameters, optimizer: 'adam', rateFactor: 0.7, ...config } as const
    const optimizer = optimizerOf(all)
    const data = numbers(length)
    let long: Weights = of('w', data)
    let spare: Weights | undefined
    const parts = Array.from({ length: Math.ceil(length / 50) }, (_, at) => 50 * at)
    const cut = (array: Float32Array) =>
      parts.map((from) => [`${from}`, array.slice(from, from + 50)] as const)
    let short: Weights = {
      ...{ slots: new Map(), steps: 0 },
      parameters: new Map(cut(data).map(([name, part]) => [name, { shape: [], data: part }])),
    }
    for (const factor of [1, 1e-20, 30, 1e-3]) {
      const gradient = numbers(length, factor)
      const norm = globalNorm([gradient])
      const next = stepped(long, optimizer, new Map([['w', gradient]]), norm, all, spare)!
      short = stepped(short, optimizer, new Map(cut(gradient)), norm, all)!
      spare = long
      long = next
      const joined = (read: (name: string) => Float32Array) =>
        Float32Array.from(parts.flatMap((from) => [...read(`${from}`)]))
      expect(bits(long.parameters.get('w')!.data)).toEqual(
        bits(joined((name) => short.parameters.get(name)!.data)),
      )
      for (const [slot, array] of long.slots.get('w')!.entries())
        expect(bits(array)).toEqual(bits(joined((name) => short.slots.get(name)![slot]!)))
    }
  })

  it.each([0, BLOCK - 1, BLOCK, length - 1])(
    'is refused for one number that is not finite, at %i, and stays as it was',
    (place) => {
      const optimizer = optimizerOf({ ...hyperparameters, optimizer: 'sgd' })
      const data = numbers(length)
      const before = data.slice()
      const gradient = numbers(length)
      gradient[place] = Infinity
      const by = { ...hyperparameters, optimizer: 'sgd', rateFactor: 1 } as const
      const room = of('w', new Float32Array(length))
      expect(stepped(of('w', data), optimizer, new Map([['w', gradient]]), 1, by, room)).toBe(
        undefined,
      )
      expect(bits(data)).toEqual(bits(before))
    },
  )

  it('is as long as the sum of its squares says, in the order of four sums', () => {
    for (const count of [64, 67, BLOCK, BLOCK + 3, length]) {
      const values = numbers(count)
      const sums = [0, 0, 0, 0]
      const whole = count - (count % 4)
      for (const [at, value] of values.entries()) sums[at < whole ? at % 4 : 0]! += value * value
      const [a, b, c, d] = sums as [number, number, number, number]
      expect(globalNorm([values])).toBe(Math.sqrt(a + b + (c + d)))
    }
  })

  function of(name: string, data: Float32Array): Weights {
    return { parameters: new Map([[name, { shape: [], data }]]), slots: new Map(), steps: 0 }
  }
})

describe('clipping', () => {
  it('measures all gradients together', () => {
    expect(globalNorm([f32(3), f32(0, 4)])).toBe(5)
    expect(globalNorm([f32(1), f32(NaN)])).toBeNaN()
    expect(globalNorm([f32(-Infinity)])).toBe(Infinity)
  })

  it('shortens only what is longer than the limit', () => {
    expect(clipScale(0.5, 1)).toBe(1)
    expect(clipScale(4, 1)).toBe(0.25)
  })
})
