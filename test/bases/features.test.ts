import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openFeatures } from '../../src/bases/features.ts'
import type { Adaptation, Base, Input, Ops } from '../../src/contracts.ts'

const plain = openFeatures({ size: 3 })
const named = openFeatures({ size: 2, names: ['height', 'weight'] })

function vector(
  base: Base,
  features: Extract<Input, { kind: 'features' }>['features'],
): readonly number[] {
  const encoded = base.encode({ kind: 'features', features }, 64)
  return encoded.kind === 'vector' ? [...encoded.values] : []
}

function refusal(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}

describe('features', () => {
  it('takes every list of as many finite float32 numbers as it declares', () => {
    const numbers = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 3,
      maxLength: 3,
    })
    fc.assert(
      fc.property(numbers, (values) => {
        expect(vector(plain, values)).toEqual(values)
      }),
    )
  })

  it('takes an object of its names in any order', () => {
    expect(vector(named, { weight: 70, height: 1.5 })).toEqual([1.5, 70])
    expect(vector(named, [1.5, 70])).toEqual([1.5, 70])
  })

  it.each([
    ['too few', [1, 2]],
    ['too many', [1, 2, 3, 4]],
    ['none', []],
    ['NaN', [1, NaN, 3]],
    ['an infinity', [1, -Infinity, 3]],
    ['a number that float32 cannot hold', [1, 1e39, 3]],
    ['a text', [1, '2', 3] as unknown as number[]],
    ['a null', [1, null, 3] as unknown as number[]],
    ['an object without declared names', { a: 1 }],
  ])('refuses %s', (_, features) => {
    expect(refusal(() => vector(plain, features))).toMatchObject({ code: 'FEATURES_INVALID' })
  })

  it('names the feature that is missing, unknown or no number', () => {
    const wrong = { height: { weight: 1 }, age: { height: 1, weight: 1, age: 1 } }
    for (const [feature, features] of Object.entries(wrong))
      expect(refusal(() => vector(named, features))).toMatchObject({ details: { feature } })
    expect(refusal(() => vector(named, { height: 1, weight: 'heavy' }))).toMatchObject({
      details: { feature: 'weight' },
    })
    const inherited = openFeatures({ size: 1, names: ['toString'] })
    expect(refusal(() => vector(inherited, {}))).toMatchObject({ details: { feature: 'toString' } })
  })

  it('refuses text', () => {
    expect(refusal(() => plain.encode({ kind: 'text', text: 'a' }, 64))).toMatchObject({
      code: 'INPUT_WRONG_KIND',
    })
  })

  it('returns the vector as its own embedding, which has no unit length', () => {
    const ops = {} as Ops<string>
    const mask = 'mask'
    const hidden = plain.network.trunk(ops, { values: 'values', mask }, 0)
    expect(plain.network.tail(ops, hidden, mask, 0, {} as Adaptation<string>)).toBe('values')
    expect(plain.network).toMatchObject({ layers: 0, width: 3, unit: false })
    expect(plain.network.latentWidth(0)).toBe(3)
    expect(plain.network.sites(0)).toEqual([])
  })

  it('is known by its size and its names', () => {
    const bases = [{ size: 2 }, { size: 3 }, { size: 2, names: ['a', 'b'] }]
    const hashes = bases.map((options) => openFeatures(options).hash)
    expect(new Set(hashes).size).toBe(3)
    expect(openFeatures({ size: 2 }).hash).toBe(hashes[0])
  })
})
