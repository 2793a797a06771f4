import type { FeaturesInput } from '../../src/payloads/inputs/features.ts'
import { describe, expect, it } from 'vitest'
import { type FeaturesOptions, openFeatures } from '../../src/bases/features/features.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { openTape } from '../../src/nn/js/ops.ts'
import { openRandom } from '../../src/platform/random.ts'
import { head } from '../../src/adapters/head.ts'
import { fc } from '../properties.ts'

const plain = openFeatures({ size: 3 })
const named = openFeatures({ size: 2, names: ['height', 'weight'] })
const hashed = openFeatures({ size: 18, names: ['height', 'weight'] })

type Features = FeaturesInput['features']

function vector(base: Base, features: Features): readonly number[] {
  const encoded = base.encode({ kind: 'features', features }, 64)
  return [...encoded.data]
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

  it('may be true or false, which count as 1 and 0', () => {
    expect(vector(named, { height: true, weight: false })).toEqual([1, 0, 1, 1])
    expect(vector(hashed, { clicks: true })).toEqual(vector(hashed, { clicks: 1 }))
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
    const values = [1e6, 1e6 - 20, 1e6 + 4, 1e6 + 4.5, 1e6 + 1, 1e6 + 9, 1e6 - 3, 1e6, 1e6 + 2]
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
    expect(mean).toBeLessThan((8 * 50) / 550)
    expect(recent).toBeGreaterThan(7.9)
  })

  // Two numbers in turn, and a sentinel where the row says.
  const regular = (count: number) => Array.from({ length: count }, (_, at) => [at % 2 ? 1 : -1])
  it.each([9999, -999, 1e9, -3e38])('is hardly moved by %d, wherever it comes', (sentinel) => {
    const base = openFeatures({ size: 1, window: 30 })
    for (const at of [0, 1, 2, 3, 7, 8, 9, 50, 199]) {
      const rows = regular(200).with(at, [sentinel])
      const [mean, variance, recent, lately] = counted(base, rows)
      const told = `at ${at}: ${mean} ± ${variance}, ${recent} ± ${lately}`
      expect(Math.abs(mean!), told).toBeLessThan(0.2)
      expect(variance, told).toBeLessThan(2.5)
      expect(Math.abs(recent!), told).toBeLessThan(0.3)
      expect(lately, told).toBeLessThan(2)
    }
  })

  it('is hardly moved by a sentinel in one of thirty rows, nor by ten in a row', () => {
    const base = openFeatures({ size: 1 })
    const often = regular(3000).map((row, at) => (at % 30 === 17 ? [9999] : row))
    expect(Math.sqrt(counted(base, often)[1]!)).toBeLessThan(4)
    const burst = regular(600).map((row, at) => (at >= 300 && at < 310 ? [9999] : row))
    expect(Math.sqrt(counted(base, burst)[1]!)).toBeLessThan(2)
  })

  it.each([8, 10, 12])('is hardly moved by a hundred rows in a row at %d deviations', (far) => {
    const base = openFeatures({ size: 8 })
    const random = openRandom(1, 'run')
    const run = Array.from({ length: 800 }, (_, at) =>
      Array.from({ length: 8 }, () => {
        const x = random.normal()
        return at >= 500 && at < 600 ? far + x / 2 : x
      }),
    )
    const [means, variances] = [0, 8].map((from) => counted(base, run).slice(from, from + 8))
    expect(Math.max(...means!.map(Math.abs))).toBeLessThan(0.2)
    expect(Math.max(...variances!)).toBeLessThan(2)
  })

  it('follows numbers that have moved by eight deviations for good', () => {
    const base = openFeatures({ size: 1, window: 30 })
    const moved = regular(1000).map(([x], at) => [at < 500 ? x! : 8 + x!])
    const [mean, , recent] = counted(base, moved)
    expect(mean).toBeGreaterThan(3)
    expect(Math.abs(recent! - 8)).toBeLessThan(0.3)
  })

  it('lets a row weigh less that is far out as a whole, not one with a single far number', () => {
    const base = openFeatures({ size: 8 })
    const { observe, weight } = base.statistics!
    const rows = regular(100).map(([x]) =>
      latentOf(
        base,
        Array.from({ length: 8 }, () => x!),
      ),
    )
    const after = observe(fresh(base), rows)
    const row = (far: number, count: number) =>
      latentOf(
        base,
        Array.from({ length: 8 }, (_, at) => (at < count ? far : 1)),
      )
    expect(weight!(after, row(10, 1))).toBe(1)
    expect(weight!(after, row(10, 8))).toBeCloseTo(0.0625, 3)
    expect(weight!(after, row(1e4, 1))).toBeLessThan(1e-4)
  })

  it('follows a stream that has moved for good, with the scale of before and after', () => {
    const base = openFeatures({ size: 1 })
    const moved = regular(2000).map(([x], at) => [at < 500 ? x! : 1e4 + 100 * x!])
    const [mean, variance] = counted(base, moved)
    expect(mean).toBeGreaterThan(0.6 * 1e4)
    expect(Math.sqrt(variance!)).toBeGreaterThan(0.3 * 1e4)
  })

  it('keeps the scale of a date, which jumps each month and never returns', () => {
    const base = openFeatures({ size: 1 })
    const months = Array.from({ length: 9000 }, (_, at) => [
      Math.floor(at / 1500) + 0.0003 * Math.floor(at / 48),
    ])
    const whole = Math.sqrt(35 / 12)
    expect(Math.sqrt(counted(base, months)[1]!) / whole).toBeCloseTo(1, 1)
  })

  it('takes back what it has counted of outliers, once the stream has returned', () => {
    const base = openFeatures({ size: 1, window: 30 })
    const far = regular(2600).map((row, at) => (at >= 1500 && at < 1900 ? [1e15] : row))
    expect(counted(base, far.slice(0, 1900))[1]).toBeGreaterThan(1e28)
    const [mean, variance, recent, lately] = counted(base, far)
    expect(Math.max(Math.abs(mean!), Math.abs(recent!))).toBeLessThan(0.5)
    expect(Math.max(variance!, lately!)).toBeLessThan(2)
  })

  it('takes a rare 1 among zeros for what it is', () => {
    const base = openFeatures({ size: 1 })
    const rare = Array.from({ length: 400 }, (_, at) => [at % 20 === 13 ? 1 : 0])
    const [mean, variance] = counted(base, rare)
    expect(mean).toBeCloseTo(0.05, 2)
    expect(variance).toBeCloseTo(0.0475, 2)
  })

  it('is added up in double precision: float32 would stand still at a time in seconds', () => {
    const base = openFeatures({ size: 1 })
    const start = 1_764_000_000
    const rows = Array.from({ length: 12_000 }, (_, at) => [start + 1280 * (at % 3)])
    const [mean, variance] = counted(base, rows)
    expect(Math.abs(mean! - (start + 1280))).toBeLessThanOrEqual(64)
    expect(variance! / ((2 * 1280 ** 2) / 3)).toBeCloseTo(1, 2)
  })

  it('stays finite whatever comes, also what a checkpoint of an earlier release holds', () => {
    const base = openFeatures({ size: 1, window: 3 })
    const most = 3.4e38
    const all = [[most], [-most], [most], [0], [-most], [most], [most], [1], [-most], [most], [-1]]
    for (let count = 1; count <= all.length; count += 1)
      expect(counted(base, all.slice(0, count)).every(Number.isFinite)).toBe(true)
  })

  it('goes on from what an earlier release counted', () => {
    for (const window of [undefined, 5])
      for (const count of [0, 3, 4, 900]) {
        const base = openFeatures({ size: 1, window })
        const moments = count === 0 ? [0, 0] : [7, 4]
        const old = Float32Array.of(...moments, ...(window ? moments : []), count)
        const before = new Map([['features.statistics', { shape: [old.length], data: old }]])
        const adopted = base.statistics!.adopt!(before)
        const { data } = adopted.get('features.statistics')!
        expect([...data.slice(0, old.length)]).toEqual([...old])
        const after = base.statistics!.observe(adopted, [latentOf(base, [7])])
        const [mean, variance] = after.get('features.statistics')!.data
        expect(mean).toBeCloseTo(7, 5)
        expect(variance).toBeCloseTo(count === 0 ? 0 : (4 * count) / (count + 1), 4)
        expect(base.statistics!.adopt!(adopted)).toBe(adopted)
      }
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

function latentOf(base: Base, features: Features): Latent {
  const data = Float32Array.from(vector(base, features))
  return { positions: 1, width: data.length, data }
}

function counted(base: Base, rows: readonly Features[]): readonly number[] {
  const latents = rows.map((features) => latentOf(base, features))
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
  const tape = openTape(base.weights, params)
  const { ops } = tape
  const input = tape.input({ shape: [1, 1, values.length], data: values })
  const mask = tape.input({ shape: [1, 1], data: Float32Array.of(1) })
  const untouched = head.open().adaptation(ops, [], false)
  return [...base.network.tail(ops, input, mask, 0, untouched).data]
}
