/** The random directions of `ranpac`: the same on every machine and in every version, and orthogonal ones where they are asked for. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  drawProjection,
  openTransform,
  sizeFor,
} from '../../src/adapters/closed-form/projection.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openRandom } from '../../src/platform/random.ts'

describe('the transform', () => {
  it.each([1, 2, 3, 5, 8, 12, 40, 96])(
    'of %i numbers keeps every product of two vectors',
    (size) => {
      const transform = openTransform(size)
      const rows = Array.from({ length: size }, (_, row) => {
        const values = new Float64Array(size)
        values[row] = 1
        transform(values)
        return values
      })
      for (const [one, a] of rows.entries())
        for (const [other, b] of rows.entries())
          expect(product(a, b)).toBeCloseTo(one === other ? 1 : 0, 12)
    },
  )

  it('has a size for each width, an eighth more at most', () => {
    for (const exact of [1, 384, 768, 1152, 1536, 1920]) expect(sizeFor(exact)).toBe(exact)
    for (let width = 1; width <= 4096; width += 1) {
      expect(sizeFor(width)).toBeGreaterThanOrEqual(width)
      expect(sizeFor(width)).toBeLessThanOrEqual(1.125 * width)
    }
  })
})

describe('an orthogonal projection', () => {
  const [width, features] = [24, 60]
  const columns = columnsOf(drawProjection('orthogonal', width, features), width, features)

  it('has directions of length √width that are orthogonal within a block', () => {
    for (const [at, one] of columns.entries()) {
      expect(product(one, one)).toBeCloseTo(width, 4)
      for (let other = at + 1; other < Math.min(features, (Math.floor(at / width) + 1) * width);)
        expect(product(one, columns[other++]!)).toBeCloseTo(0, 4)
    }
  })

  it('has the bits that published versions were learned with', () => {
    const digest = (of: Float32Array) => createHash('sha256').update(of).digest('hex').slice(0, 16)
    expect(digest(drawProjection('orthogonal', 36, 100))).toBe('1e98c21dc03efa71')
    expect(digest(drawProjection('orthogonal', 17, 40))).toBe('f544eea9811c371a')
    expect(digest(drawProjection('gaussian', 36, 100))).toBe('5240531ad404311f')
  })

  it('begins with the same directions however many there are', () => {
    const fewer = columnsOf(drawProjection('orthogonal', width, 30), width, 30)
    expect(columns.slice(0, 30)).toEqual(fewer)
  })

  it('fills a width without a transform of its own from a larger one', () => {
    const data = drawProjection('orthogonal', 17, 40)
    const square = data.reduce((sum, value) => sum + value * value, 0) / data.length
    expect(square).toBeGreaterThan(0.8)
    expect(square).toBeLessThan(1.25)
  })

  it('estimates the products of random features closer than independent directions', () => {
    const off = { gaussian: errorOf('gaussian'), orthogonal: errorOf('orthogonal') }
    expect(off.orthogonal).toBeLessThan(0.8 * off.gaussian)
  })
})

describe('the view of ranpac', () => {
  const base = openFeatures({ size: 2, standardise: false })
  const config = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0, features: 16 }
  const drawn = (asked: object) =>
    viewOf(base, ranpac, { ...config, ...asked }).weights.get('ranpac.projection')!.data

  it('has the independent directions that it always had where a version does not say', () => {
    const random = openRandom('ranpac', '2 × 16')
    const independent = Float32Array.from({ length: 32 }, () => random.normal())
    expect(drawn({})).toEqual(independent)
    expect(drawn({ projection: 'gaussian' })).toEqual(independent)
  })

  it('is another one for each kind, the same object each time', () => {
    const asked = { ...config, projection: 'orthogonal' }
    expect(drawn(asked)).toEqual(drawProjection('orthogonal', 2, 16))
    expect(drawn(asked)).not.toEqual(drawn({}))
    expect(viewOf(base, ranpac, asked)).toBe(viewOf(base, ranpac, asked))
  })
})

/** The mean error of relu(x·P)·relu(y·P) / features, over pairs of random vectors, against very many directions. */
function errorOf(kind: 'gaussian' | 'orthogonal'): number {
  const width = 16
  const random = openRandom(1, 'pairs')
  const vectors = Array.from({ length: 20 }, () => {
    const x = Float64Array.from({ length: width }, () => random.normal())
    const norm = Math.sqrt(product(x, x))
    return x.map((value) => value / norm)
  })
  const few = estimates(vectors, drawProjection(kind, width, 64), 64)
  const many = estimates(vectors, drawProjection('orthogonal', width, 4096), 4096)
  return few.reduce((sum, value, at) => sum + Math.abs(value - many[at]!), 0) / few.length
}

function estimates(vectors: readonly Float64Array[], p: Float32Array, features: number): number[] {
  const columns = columnsOf(p, p.length / features, features)
  const outputs = vectors.map((x) => columns.map((column) => Math.max(0, product(x, column))))
  return outputs.flatMap((one, at) =>
    outputs.slice(at).map((other) => product(one, other) / features),
  )
}

function columnsOf(data: Float32Array, width: number, features: number): Float64Array[] {
  return Array.from({ length: features }, (_, column) =>
    Float64Array.from({ length: width }, (_, row) => data[row * features + column]!),
  )
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < a.length; at += 1) sum += a[at]! * b[at]!
  return sum
}
