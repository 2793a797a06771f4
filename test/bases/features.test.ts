import { describe, expect, it } from 'vitest'
import { type FeaturesOptions, openFeatures } from '../../src/bases/features.ts'
import type { Base, Input, Tensors } from '../../src/contracts.ts'
import { openTape } from '../../src/nn/plain-ops.ts'
import { head } from '../../src/adapters/head.ts'
import { fc } from '../properties.ts'

const plain = openFeatures({ size: 3 })
const named = openFeatures({ size: 2, names: ['height', 'weight'] })
const hashed = openFeatures({ size: 18, names: ['height', 'weight'] })

type Features = Extract<Input, { kind: 'features' }>['features']

function vector(base: Base, features: Features): readonly number[] {
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

describe('features as a list', () => {
  it('takes as many finite float32 numbers as it declares', () => {
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

  it('refuses text', () => {
    expect(refusal(() => plain.encode({ kind: 'text', text: 'a' }, 64))).toMatchObject({
      code: 'INPUT_WRONG_KIND',
    })
  })
})

describe('features by name', () => {
  it('have a column each, in any order, and say that they were given', () => {
    expect(vector(named, { weight: 70, height: 1.5 })).toEqual([1.5, 70, 1, 1])
    expect(vector(named, [1.5, 70])).toEqual([1.5, 70, 1, 1])
  })

  it('may be missing', () => {
    expect(vector(named, { weight: 70 })).toEqual([0, 70, 0, 1])
  })

  it('refuse a category where a number is declared, and a name without a column to hash it to', () => {
    expect(refusal(() => vector(named, { height: 1, weight: 'heavy' }))).toMatchObject({
      code: 'FEATURES_INVALID',
      details: { feature: 'weight' },
      message: expect.stringContaining('leave categories out') as string,
    })
    expect(refusal(() => vector(named, { height: 1, age: 1 }))).toMatchObject({
      details: { feature: 'age' },
      message: expect.stringContaining('raise base.features.size above 2') as string,
    })
    const inherited = openFeatures({ size: 1, names: ['toString'] })
    expect(vector(inherited, {})).toEqual([0, 0])
  })
})

describe('hashed features', () => {
  // By a second program, of FNV-1a and Murmur3's finalizer.
  it('put a category into one column with one sign, today and after an upgrade', () => {
    const column = (features: Features) => {
      const found = vector(hashed, features).slice(2, 18)
      return found.flatMap((value, at) => (value === 0 ? [] : [[at, value]]))
    }
    expect(column({ color: 'red' })).toEqual([[5, -1]])
    expect(column({ color: 'blue' })).toEqual([[8, -1]])
    expect(column({ clicks: 3 })).toEqual([[15, -3]])
  })

  it('spread evenly, and as many are positive as negative', () => {
    const base = openFeatures({ size: 64, names: [] })
    const counts = new Array<number>(64).fill(0)
    let sum = 0
    for (let at = 0; at < 6400; at += 1)
      for (const [column, value] of vector(base, { id: `user-${at}` }).entries()) {
        counts[column]! += Math.abs(value)
        sum += value
      }
    // Chi-squared with 63 degrees of freedom: beyond 110 once in five thousand.
    const chi = counts.reduce((total, count) => total + (count - 100) ** 2 / 100, 0)
    expect(chi).toBeLessThan(110)
    expect(Math.abs(sum)).toBeLessThan(4 * Math.sqrt(6400))
  })
})

describe('what features count', () => {
  it('is mean and variance, as over all at once', () => {
    const base = openFeatures({ size: 1 })
    const values = [3, 1e6, -20, 4, 4.5, 1e6 + 1]
    const [mean, variance, count] = counted(
      base,
      values.map((value) => [value]),
    )
    const exact = values.reduce((sum, value) => sum + value, 0) / values.length
    const squares = values.reduce((sum, value) => sum + (value - exact) ** 2, 0) / values.length
    expect(mean! / exact).toBeCloseTo(1, 5)
    expect(variance! / squares).toBeCloseTo(1, 5)
    expect(count).toBe(values.length)
  })

  it('leaves out what is missing, column by column', () => {
    const [mean, , , , count, other] = counted(named, [{ height: 2 }, { height: 4, weight: 9 }])
    expect([mean, count, other]).toEqual([3, 2, 1])
  })

  it('forgets in its recent part', () => {
    const base = openFeatures({ size: 1, window: 10 })
    const long = [
      ...Array.from({ length: 500 }, () => [0]),
      ...Array.from({ length: 50 }, () => [8]),
    ]
    const [mean, , recent] = counted(base, long)
    expect(mean).toBeCloseTo((8 * 50) / 550, 4)
    expect(recent).toBeGreaterThan(7.9)
  })

  it('is a copy: what was handed in stays', () => {
    const { statistics } = plain
    const before = fresh(plain)
    statistics!.observe(before, [{ positions: 1, width: 3, data: Float32Array.of(1, 2, 3) }])
    expect([...before.get('features.statistics')!.data].every((value) => value === 0)).toBe(true)
  })
})

describe('the embedding of features', () => {
  it('is standardised, clipped at five deviations, and 0 where something is missing', () => {
    const base = openFeatures({ size: 2, names: ['a', 'b'] })
    const statistics = Float32Array.of(10, 20, 4, 25, 9, 9)
    expect(embedding(base, { a: 12, b: 15 }, statistics)).toEqual([1, -1])
    expect(embedding(base, { a: 1e9, b: -1e9 }, statistics)).toEqual([5, -5])
    expect(embedding(base, { b: 25 }, statistics).map(Math.abs)).toEqual([0, 1])
  })

  it('has the recent part and the last hidden layer behind it', () => {
    const base = openFeatures({ size: 2, hidden: [4, 3], window: 5 })
    const found = embedding(base, [1, 2], Float32Array.of(0, 0, 1, 1, 1, 1, 1, 1, 9, 9))
    expect(found).toHaveLength(2 + 2 + 3)
    expect(found.slice(0, 4)).toEqual([1, 2, 0, 1])
    expect(base.network).toMatchObject({ layers: 2, width: 7, unit: false })
    expect(base.network.sites(0)).toMatchObject([
      { name: 'hidden.0', role: 'hidden', inSize: 2, outSize: 4 },
      { name: 'hidden.1', inSize: 4, outSize: 3 },
    ])
    expect(base.network.sites(1)).toHaveLength(1)
  })

  it('is the last hidden layer alone without the shortcut, which a linear model cannot do without', () => {
    const some = { size: 2, hidden: [4, 3] }
    const [whole, layered] = [openFeatures(some), openFeatures({ ...some, shortcut: false })]
    const statistics = Float32Array.of(0, 0, 1, 1, 9, 9)
    expect(layered.network.width).toBe(3)
    expect(embedding(layered, [1, 2], statistics)).toEqual(
      embedding(whole, [1, 2], statistics).slice(2),
    )
    const recent = openFeatures({ ...some, window: 5, shortcut: false })
    expect(recent.network.width).toBe(2 + 3)
    expect(openFeatures({ size: 2, shortcut: false }).hash).toBe(openFeatures({ size: 2 }).hash)
  })

  it('cuts each number into pieces, which saturate beyond their ends', () => {
    const base = openFeatures({ size: 3, names: ['a', 'b'], bins: 2, hidden: [4] })
    const statistics = Float32Array.of(10, 0, 4, 1, 9, 9)
    // Pieces from −1 to 0 and from 0 to 1 deviation: their middles are −½ and ½.
    const found = embedding(base, { a: 11, b: 0.25, kind: 'x' }, statistics)
    expect(found.slice(0, 2)).toEqual([0.5, 0.25])
    expect(found.slice(2, 6)).toEqual([1, 1, 0, -0.5])
    expect(Math.abs(found[6]!)).toBe(1)
    expect(found).toHaveLength(2 * (1 + 2) + 1 + 4)
    expect(base.network.sites(0)[0]!.inSize).toBe(7)
    expect(
      embedding(base, { b: -40 }, statistics)
        .slice(2, 6)
        .map((e) => e + 0),
    ).toEqual([0, -1, 0, -1])
  })

  it('of a stamped input stays as it was at its moment, whatever came later', () => {
    const base = openFeatures({ size: 4, names: ['a', 'b'], window: 5 })
    const then = Float32Array.of(0, 0, 1, 1, 10, 20, 4, 25, 9, 9)
    const later = Float32Array.of(0, 0, 1, 1, -7, 3, 1, 1, 99, 99)
    const inputs: Features[] = [{ a: 12, b: 10 }, { b: 4, kind: 'x' }, {}]
    for (const input of inputs) {
      const plain = embedding(base, input, then)
      const [stamp, mark] = stampedAt(then, input)
      expect(mark).toBe(1)
      expect(embeddingOf(base, stamp, then)).toEqual(plain)
      expect(embeddingOf(base, stamp, later)).toEqual(plain)
      if ('b' in input) expect(embedding(base, input, later)).not.toEqual(plain)
    }

    function stampedAt(data: Float32Array, input: Features) {
      const row = Float32Array.from(vector(base, input))
      const before = new Map([['features.statistics', { shape: [data.length], data }]])
      const latent = { positions: 1, width: row.length, data: row }
      const stamp = base.statistics!.stamp!(before, latent).data
      expect(row.at(-1)).toBe(0)
      expect(stamp).toHaveLength(base.network.latentWidth(0))
      return [stamp, stamp.at(-1)] as const
    }
  })

  it('has no recent part where nothing is standardised', () => {
    const base = openFeatures({ size: 4, names: [], window: 5 })
    expect(base.network.width).toBe(4)
    expect(openFeatures({ size: 4, standardise: false, window: 5 }).statistics).toBeUndefined()
    expect(base.statistics!.stamp).toBeUndefined()
  })

  it('keeps hashed columns as they are', () => {
    const base = openFeatures({ size: 4, names: [] })
    expect(embedding(base, { color: 'red' })).toEqual(vector(base, { color: 'red' }))
  })
})

it('a base of features is known by its settings', () => {
  const bases: FeaturesOptions[] = [
    { size: 2 },
    { size: 3 },
    { size: 2, names: ['a', 'b'] },
    { size: 2, names: ['b', 'a'] },
    { size: 2, hidden: [3] },
    { size: 2, hidden: [3, 3] },
    { size: 2, hidden: [3, 3], shortcut: false },
    { size: 2, window: 5 },
    { size: 2, bins: 3 },
    { size: 2, bins: 3, hidden: [3] },
  ]
  const hashes = bases.map((options) => openFeatures(options).hash)
  expect(new Set(hashes).size).toBe(bases.length)
  for (const [at, options] of bases.entries()) expect(openFeatures(options).hash).toBe(hashes[at])
})

function fresh({ statistics }: Base): Tensors {
  const tensors = statistics!.parameters.map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
    return [name, { shape, data }] as const
  })
  return new Map(tensors)
}

function counted(base: Base, rows: readonly Features[]): readonly number[] {
  const latents = rows.map((features) => {
    const data = Float32Array.from(vector(base, features))
    return { positions: 1, width: data.length, data }
  })
  return [...base.statistics!.observe(fresh(base), latents).get('features.statistics')!.data]
}

function embedding(base: Base, features: Features, statistics?: Float32Array): readonly number[] {
  return embeddingOf(base, Float32Array.from(vector(base, features)), statistics)
}

function embeddingOf(
  base: Base,
  values: Float32Array,
  statistics?: Float32Array,
): readonly number[] {
  const shape = [statistics?.length ?? 0]
  const params = new Map(statistics && [['features.statistics', { shape, data: statistics }]])
  const { ops } = openTape(base.weights, params)
  const input = { shape: [1, 1, values.length], data: values, fixed: true }
  const mask = { shape: [1, 1], data: Float32Array.of(1), fixed: true }
  const untouched = head.adaptation(ops, [], {} as never, false)
  return [...base.network.tail(ops, input, mask, 0, untouched).data]
}
