import { describe, expect, it } from 'vitest'
import type { TrainKnobs } from '../../src/contracts.ts'
import { clipScale, globalNorm, optimizerOf } from '../../src/trainer/optimizer.ts'

const knobs = { learning_rate: 0.1, momentum: 0, clip_norm: 1 }
const f32 = (...values: number[]): Float32Array => Float32Array.from(values)

/** Runs gradients through an optimizer, from the weight 1, and answers the weight after each. */
function course(config: Partial<TrainKnobs>, gradients: readonly number[], rate = 0.1): number[] {
  const optimizer = optimizerOf({ ...knobs, optimizer: 'adam', ...config })
  let state = {
    weights: f32(1),
    slots: optimizer.slots.map(() => f32(0)) as readonly Float32Array[],
  }
  return gradients.map((gradient, at) => {
    state = optimizer.update(state, f32(gradient), { rate, scale: 1, step: at + 1 })
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
    expect(optimizerOf({ ...knobs, optimizer: 'sgd' }).slots).toEqual([])
    expect(optimizerOf({ ...knobs, optimizer: 'sgd', momentum: 0.1 }).slots).toHaveLength(1)
  })

  it('keeps going with momentum', () => {
    const [first, second] = course({ optimizer: 'sgd', momentum: 0.5 }, [2, 0])
    expect(first).toBeCloseTo(0.8, 6)
    expect(second).toBeCloseTo(0.7, 6)
  })
})

describe.each(['adam', 'sgd'] as const)('%s', (name) => {
  it('changes nothing in place', () => {
    const optimizer = optimizerOf({ ...knobs, optimizer: name })
    const before = { weights: f32(1, 2), slots: optimizer.slots.map(() => f32(3, 4)) }
    const gradient = f32(5, 6)
    optimizer.update(before, gradient, { rate: 0.1, scale: 0.5, step: 1 })
    expect([before.weights, gradient]).toEqual([f32(1, 2), f32(5, 6)])
    for (const slot of before.slots) expect(slot).toEqual(f32(3, 4))
  })

  it('finds the lowest point of a bowl', () => {
    const optimizer = optimizerOf({ ...knobs, optimizer: name, momentum: 0.9 })
    let state = {
      weights: f32(3, -2),
      slots: optimizer.slots.map(() => f32(0, 0)) as readonly Float32Array[],
    }
    for (let step = 1; step <= 500; step += 1) {
      const gradient = f32(state.weights[0]! - 1, 10 * (state.weights[1]! - 1))
      state = optimizer.update(state, gradient, { rate: 0.02, scale: 1, step })
    }
    expect(state.weights[0]).toBeCloseTo(1, 2)
    expect(state.weights[1]).toBeCloseTo(1, 2)
  })
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
