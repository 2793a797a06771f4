/** What each regularizer policy computes, against numbers made by hand. */
import { describe, expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { ChosenPolicy as Chosen } from '../../src/config/plugins/open-policy.ts'
import type { Tensors } from '../../src/contracts/core.ts'

const open = (chosen: Chosen) => openPolicy('regularizer', policies.regularizer, chosen)
const theta = (...values: number[]): Tensors => new Map([['w', row(...values)]])
const row = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) })
const slopes = (found: { gradients: Tensors } | undefined) => [...found!.gradients.get('w')!.data]

describe('l2-anchor', () => {
  it('pulls with λ · (θ − θ*) to the first weights that it sees', () => {
    const regularizer = open({ policy: 'l2-anchor', lambda: 4, every: 0 })
    expect(regularizer.penalty(theta(1, 2))?.loss).toBe(0)
    regularizer.observe(theta(2, 2), theta(0, 0))
    const found = regularizer.penalty(theta(2, -1))
    expect(found?.loss).toBe((4 / 2) * (1 + 9))
    expect(slopes(found)).toEqual([4, -12])
  })

  it('moves its anchor after so many steps, not one earlier', () => {
    const regularizer = open({ policy: 'l2-anchor', lambda: 1, every: 2 })
    regularizer.penalty(theta(0))
    regularizer.observe(theta(5), theta(0))
    expect(slopes(regularizer.penalty(theta(5)))).toEqual([5])
    regularizer.observe(theta(7), theta(0))
    expect(slopes(regularizer.penalty(theta(8)))).toEqual([1])
  })

  it('leaves new columns of the head free, wherever they stand in memory', () => {
    const regularizer = open({ policy: 'l2-anchor', lambda: 1, every: 0 })
    const narrow = { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }
    const wide = { shape: [2, 3], data: Float32Array.of(1, 2, 50, 3, 5, 60) }
    regularizer.penalty(new Map([['w', narrow]]))
    expect(slopes(regularizer.penalty(new Map([['w', wide]])))).toEqual([0, 0, 0, 0, 1, 0])
  })
})

describe('ewc-online', () => {
  it('is stiff where gradients were, from the moment its anchor moves', () => {
    const settings = { lambda: 10, gamma: 0.5, fisher_rate: 0.25, every: 2 }
    const regularizer = open({ policy: 'ewc-online', ...settings })
    regularizer.penalty(theta(0, 0))
    regularizer.observe(theta(1, 1), theta(2, 0))
    expect(regularizer.penalty(theta(9, 9))?.loss).toBe(0)
    regularizer.observe(theta(1, 1), theta(4, 1))
    // f = ¾·(¼·2²) + ¼·4² = 4.75 and ¼·1² = 0.25; F = f.
    const found = regularizer.penalty(theta(2, 3))
    expect(found?.loss).toBeCloseTo((10 / 2) * (4.75 * 1 + 0.25 * 4), 5)
    expect(slopes(found)).toEqual([47.5, 5])
    regularizer.observe(theta(1, 1), theta(0, 0))
    regularizer.observe(theta(2, 1), theta(0, 0))
    // F = ½·4.75 + (¾)²·4.75, around the new anchor.
    expect(slopes(regularizer.penalty(theta(3, 1)))[0]).toBeCloseTo(10 * 4.75 * (0.5 + 0.5625), 4)
  })
})

describe('lwf', () => {
  it('is taught by the weights of the last move of its anchor', () => {
    const regularizer = open({ policy: 'lwf', lambda: 3, temperature: 4, every: 2 })
    expect(regularizer.teacher?.()).toBeUndefined()
    regularizer.penalty(theta(1))
    regularizer.observe(theta(2), theta(0))
    expect(regularizer.teacher?.()).toEqual({ parameters: theta(1), weight: 3, temperature: 4 })
    regularizer.observe(theta(3), theta(0))
    expect(regularizer.teacher?.()?.parameters).toEqual(theta(3))
  })
})

describe('a-gem', () => {
  const project = (fresh: Tensors, replayed: Tensors) => {
    const found = open({ policy: 'a-gem' }).project!(fresh, replayed)
    return [...found].map(([name, { data }]) => [name, ...data])
  }

  it('takes out what would raise the loss of the replayed ones', () => {
    // g·r = −2 over both tensors, r·r = 4: g + ½·r.
    const fresh = new Map([...theta(1, -1), ['v', row(3)]])
    const replayed = new Map([...theta(0, 2), ['v', row(0)]])
    expect(project(fresh, replayed)).toEqual([
      ['w', 1, 0],
      ['v', 3],
    ])
  })

  it('leaves a gradient alone that hurts nothing', () => {
    expect(project(theta(1, 1), theta(0, 2))).toEqual([['w', 1, 1]])
    expect(project(theta(1, 1), theta(0, 0))).toEqual([['w', 1, 1]])
  })
})
