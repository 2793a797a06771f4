/** What every regularizer policy must do. */
import { describe, expect, it } from 'vitest'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Regularizer } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'

export function regularizerConformance(name: string, open: () => Regularizer): void {
  describe(`regularizer ${name}`, () => {
    it('adds a finite loss, and gradients of the shapes that it was given', () => {
      const regularizer = open()
      for (const { penalty } of course(regularizer, 1)) {
        if (penalty === undefined) continue
        expect(penalty.loss).toBeGreaterThanOrEqual(0)
        for (const [name, { shape }] of penalty.gradients)
          expect(tensors(0).get(name)?.shape).toEqual(shape)
      }
    })

    it('adds what its loss says: its gradients are the slopes of its loss', () => {
      const regularizer = open()
      course(regularizer, 1)
      const at = tensors(9)
      const analytic = regularizer.penalty(at)?.gradients.get('layer.lora_A')?.data[0] ?? 0
      const lossAt = (shift: number) => {
        const moved = new Map(
          [...at].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
        )
        moved.get('layer.lora_A')!.data[0]! += shift
        return regularizer.penalty(moved)?.loss ?? 0
      }
      expect((lossAt(0.01) - lossAt(-0.01)) / 0.02).toBeCloseTo(analytic, 3)
    })

    it('lets a head that grew since be penalised without a fault', () => {
      const regularizer = open()
      course(regularizer, 1)
      const grown = new Map([
        ...tensors(2),
        ['head.bias', { shape: [3], data: new Float32Array(3) }],
      ])
      expect(regularizer.penalty(grown)?.loss ?? 0).toBeGreaterThanOrEqual(0)
    })

    it('turns a gradient into a finite one of the same shapes', () => {
      const regularizer = open()
      for (const { projected } of course(regularizer, 3))
        for (const [name, { shape, data }] of projected ?? []) {
          expect(tensors(0).get(name)?.shape).toEqual(shape)
          expect(data.every(Number.isFinite)).toBe(true)
        }
    })

    it('starts fresh with the state of another policy, or with none', () => {
      const regularizer = open()
      const expected = course(open(), 2)
      course(regularizer, 1)
      regularizer.restore(new Map())
      expect(course(regularizer, 2)).toEqual(expected)
    })

    it('hands out copies: a snapshot taken earlier does not change', () => {
      const regularizer = open()
      course(regularizer, 1)
      const state = regularizer.snapshot()
      const text = textOf(state)
      course(regularizer, 2)
      expect(textOf(state)).toBe(text)
      for (const { data } of state.values()) data.fill(7)
      const after = regularizer.snapshot()
      for (const { data } of after.values())
        if (data.length > 1) expect([...data]).not.toEqual([...data.map(() => 7)])
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const regularizer = open()
      course(regularizer, 1)
      const state = regularizer.snapshot()
      const expected = course(regularizer, 2)
      const other = open()
      for (let times = 0; times < 2; times += 1) {
        other.restore(state)
        expect(course(other, 2)).toEqual(expected)
      }
    })
  })
}

function course(regularizer: Regularizer, seed: number) {
  return Array.from({ length: 20 }, (_, step) => {
    const penalty = regularizer.penalty(tensors(seed * 100 + step))
    const teacher = regularizer.teacher?.()
    const projected = regularizer.project?.(tensors(seed * 100 + step + 30), tensors(step + 70))
    regularizer.observe(tensors(seed * 100 + step + 1), tensors(seed * 100 + step + 50))
    return { penalty, teacher, projected }
  })
}

function textOf(state: Tensors): string {
  return JSON.stringify([...state].map(([name, { shape, data }]) => [name, shape, [...data]]))
}

function tensors(seed: number): Tensors {
  const random = openRandom(seed, 'regularizer')
  const draw = (length: number) => Float32Array.from({ length }, () => random.normal())
  return new Map([
    ['layer.lora_A', { shape: [3, 2], data: draw(6) }],
    ['head.bias', { shape: [2], data: draw(2) }],
  ])
}
