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

/** The rules as loops over the numbers, with the arithmetic of JavaScript. */
function looped(
  { optimizer, momentum, ...all }: Hyperparameters & { readonly rateFactor: number },
  before: { readonly w: Float32Array; readonly slots: readonly Float32Array[] },
  gradient: Float32Array,
  { scale, step }: { readonly scale: number; readonly step: number },
) {
  const { weight_decay = 0, weight_decay_steps = 0, average = 0 } = all
  const rate = all.learning_rate * all.rateFactor
  const worn = weight_decay_steps === 0 ? 1 : weight_decay_steps / (weight_decay_steps + step - 1)
  const shrink = rate * weight_decay * worn
  const kept = Math.min(average, step / (step + 9))
  const [corrected, inverse] = [rate / (1 - 0.9 ** step), 1 / (1 - 0.999 ** step)]
  const w = before.w.slice()
  const slots = before.slots.map((slot) => slot.slice())
  const [m, v] = slots as [Float32Array, Float32Array]
  const offset = average === 0 ? undefined : slots.at(-1)
  for (const [at, old] of before.w.entries()) {
    const g = gradient[at]! * scale
    if (optimizer === 'adam') {
      const first = 0.9 * m[at]! + (1 - 0.9) * g
      const second = 0.999 * v[at]! + (1 - 0.999) * g * g
      m[at] = first
      v[at] = second
      w[at] = old - (corrected * first) / (Math.sqrt(second * inverse) + 1e-8)
    } else if (momentum === 0) w[at] = old - rate * scale * gradient[at]!
    else {
      const velocity = momentum * m[at]! + g
      m[at] = velocity
      w[at] = old - rate * velocity
    }
    if (weight_decay > 0) w[at] = w[at] - shrink * old
    if (offset !== undefined) offset[at] = kept * (offset[at]! + old - w[at])
  }
  return { w, slots }
}

describe('an array', () => {
  const length = BLOCK + 77
  const random = openRandom(5, 'test')
  const numbers = (count: number, factor = 1) =>
    Float32Array.from({ length: count }, (_, at) => (at % 9 === 0 ? -0 : factor * random.normal()))
  const bits = (array: Float32Array) => new Int32Array(array.buffer, array.byteOffset, array.length)

  const rules: readonly (readonly [string, Partial<Hyperparameters>])[] = [
    ['sgd', { optimizer: 'sgd' }],
    ['sgd with momentum', { optimizer: 'sgd', momentum: 0.9, average: 0.9 }],
    ['adam', { optimizer: 'adam' }],
    ['adam with decay', { optimizer: 'adam', weight_decay: 0.3, weight_decay_steps: 2 }],
    ['adam with all', { optimizer: 'adam', weight_decay: 0.3, average: 0.99 }],
  ]
  const lengths = [1, 2, 3, 64, BLOCK, length]
  it.each(rules.flatMap((rule) => lengths.map((count) => [...rule, count] as const)))(
    'moves by %s %j, with %i numbers, to the bits of a loop over them',
    (_, config, count) => {
      const all = { ...hyperparameters, optimizer: 'adam', rateFactor: 0.7, ...config } as const
      const optimizer = optimizerOf(all)
      const data = numbers(count)
      let now: Weights = of('w', data)
      let spare: Weights | undefined
      let wanted = { w: data, slots: optimizer.slots.map(() => new Float32Array(count)) }
      for (const [at, factor] of [1, 1e-20, 30, 1e-3].entries()) {
        const gradient = numbers(count, factor)
        const norm = globalNorm([gradient])
        const next = stepped(now, optimizer, new Map([['w', gradient]]), norm, all, spare)!
        const scale = clipScale(norm, all.clip_norm)
        wanted = looped(all, wanted, gradient, { scale, step: at + 1 })
        spare = now
        now = next
        expect(bits(now.parameters.get('w')!.data)).toEqual(bits(wanted.w))
        for (const [slot, array] of now.slots.get('w')!.entries())
          expect(bits(array)).toEqual(bits(wanted.slots[slot]!))
      }
    },
  )

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
