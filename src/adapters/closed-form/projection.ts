/**
 * Random directions to project an embedding on: P [width, features], one direction a column, each about √width long. They
 * come from one fixed seed, so trainer and server draw the same ones.
 *
 *   gaussian      P ~ N(0, 1)
 *   orthogonal    blocks of n columns, the first `width` rows of √n · M·D₃·M·D₂·M·D₁
 *
 * D has random signs on its diagonal, and M is an orthonormal transform, so the columns of a block
 * are orthogonal to one another, and a kernel that is estimated with them varies less between draws than with independent ones.
 *
 * Yu et al. (2016), "Orthogonal random features", NeurIPS.
 */
import type { Base } from '../../contracts/base.ts'
import type { Setting, Tensor } from '../../contracts/core.ts'
import type { Network } from '../../contracts/network.ts'
import { openRandom } from '../../platform/random.ts'
import { withLowerLayers } from '../lower-layers.ts'
import { memoized } from '../view.ts'

type ProjectionKind = 'gaussian' | 'orthogonal'

export const featuresSetting = {
  type: 'integer',
  minimum: 16,
  maximum: 4096,
  default: 1024,
  description: 'number of random features; the cost of a version grows with its cube',
} as const satisfies Setting

const PROJECTION = 'ranpac.projection'
const WHOLE = 'ranpac.projection.whole'

interface ProjectedShape {
  /** Layers that form the embedding. */
  readonly depth: number
  readonly kind: ProjectionKind
  readonly features: number
}

/** The base whose embedding is relu(x·P). Equal shapes give the same object. */
export function projectedView(base: Base, { depth, kind, features }: ProjectedShape): Base {
  if (base.weights.has(PROJECTION)) return base
  return projected[kind](withLowerLayers(base, depth), features)
}

const ROUNDS = 3

/** P, row by row. */
export function drawProjection(
  kind: ProjectionKind,
  width: number,
  features: number,
): Float32Array<ArrayBuffer> {
  return kind === 'orthogonal' ? orthogonal(width, features) : gaussian(width, features)
}

function gaussian(width: number, features: number): Float32Array<ArrayBuffer> {
  const random = openRandom('ranpac', `${width} × ${features}`)
  return Float32Array.from({ length: width * features }, () => random.normal())
}

/** The first columns are the same for every number of features. */
function orthogonal(width: number, features: number): Float32Array<ArrayBuffer> {
  const size = sizeFor(width)
  const transform = openTransform(size)
  const random = openRandom('ranpac', `orthogonal ${width}`)
  const signs = Array.from({ length: Math.ceil(features / size) }, () =>
    Array.from({ length: ROUNDS }, () =>
      Float64Array.from({ length: size }, () => 1 - 2 * random.below(2)),
    ),
  )
  const data = new Float32Array(width * features)
  const unit = new Float64Array(size)
  const values = new Float64Array(size)
  for (let row = 0; row < width; row += 1) {
    // The first round of every block transforms the same unit vector, or its negative.
    unit.fill(0)
    unit[row] = Math.sqrt(size)
    transform(unit)
    for (const [block, [first, ...others]] of signs.entries()) {
      const sign = first?.[row] ?? 0
      for (let at = 0; at < size; at += 1) values[at] = sign * (unit[at] ?? 0)
      for (const round of others) {
        for (let at = 0; at < size; at += 1) values[at] = (values[at] ?? 0) * (round[at] ?? 0)
        transform(values)
      }
      const from = block * size
      data.set(values.subarray(0, features - from), row * features + from)
    }
  }
  return data
}

/**
 * An orthonormal transform of n = m·2ᵃ numbers, m odd, in O(n·(a + m)) instead of n²: Hadamard's on m segments of 2ᵃ
 * numbers, then a discrete cosine transform across the segments.
 *
 *   M = C_m ⊗ H_2ᵃ      C[k, j] = √(2/m)·cos(π·(j + ½)·k/m), its first row 1/√m      H = [[1, 1], [1, −1]]/√2 ⊗ …
 *
 * Fino & Algazi (1976), "Unified matrix treatment of the fast Walsh–Hadamard transform", IEEE Trans. Comput. C-25; Ahmed
 * et al. (1974), "Discrete cosine transform", IEEE Trans. Comput. C-23.
 */

/** The largest m: what is wider than a power of two times it gets up to an eighth more numbers. */
const MOST_ODD = 15

/** The least size of at least `width` numbers whose odd part is small. */
export function sizeFor(width: number): number {
  let size = Math.max(1, width)
  while (oddPart(size) > MOST_ODD) size += 1
  return size
}

/** Transforms `size` numbers in place. */
export function openTransform(size: number): (values: Float64Array) => void {
  const count = oddPart(size)
  const length = size / count
  const cosines = cosinesOf(count)
  const sums = new Float64Array(size)
  const scale = 1 / Math.sqrt(length)
  return (values) => {
    for (let from = 0; from < size; from += length) hadamard(values, from, length)
    across(values, sums, cosines, count)
    for (let at = 0; at < size; at += 1) values[at] = scale * (values[at] ?? 0)
  }
}

function oddPart(size: number): number {
  let odd = size
  while (odd % 2 === 0) odd /= 2
  return odd
}

/** H without its factor, of one segment, two of its factors at a time. */
function hadamard(values: Float64Array, from: number, length: number): void {
  const to = from + length
  let half = 1
  for (; 4 * half <= length; half *= 4)
    for (let start = from; start < to; start += 4 * half)
      for (let at = start; at < start + half; at += 1) {
        const a = values[at] ?? 0
        const b = values[at + half] ?? 0
        const c = values[at + 2 * half] ?? 0
        const d = values[at + 3 * half] ?? 0
        values[at] = a + b + (c + d)
        values[at + half] = a - b + (c - d)
        values[at + 2 * half] = a + b - (c + d)
        values[at + 3 * half] = a - b - (c - d)
      }
  if (half === length) return
  for (let at = from; at < from + half; at += 1) {
    const a = values[at] ?? 0
    const b = values[at + half] ?? 0
    values[at] = a + b
    values[at + half] = a - b
  }
}

/** [count, count], row by row. */
function cosinesOf(count: number): Float64Array {
  const cosines = new Float64Array(count * count)
  for (let k = 0; k < count; k += 1)
    for (let j = 0; j < count; j += 1)
      cosines[k * count + j] =
        Math.sqrt((k === 0 ? 1 : 2) / count) * Math.cos((Math.PI * (j + 0.5) * k) / count)
  return cosines
}

/** The number at one place of each segment, for all places: `sums` is where their transforms are added up. */
function across(values: Float64Array, sums: Float64Array, cosines: Float64Array, count: number) {
  if (count === 1) return
  const length = values.length / count
  sums.fill(0)
  for (let k = 0; k < count; k += 1)
    for (let j = 0; j < count; j += 1) {
      const cosine = cosines[k * count + j] ?? 0
      const [to, from] = [k * length, j * length]
      for (let place = 0; place < length; place += 1)
        sums[to + place] = (sums[to + place] ?? 0) + cosine * (values[from + place] ?? 0)
    }
  values.set(sums)
}

/** Numbers of an embedding that is projected are whole multiples of 2⁻¹². */
export const INPUT_UNIT = 2 ** -12
/** Single precision adds whole numbers below it exactly, in whatever order. */
const EXACT = 2 ** 24
/** Rounded weights of an embedding, or of a half-precision copy of it, may make it so much longer. */
export const LENGTH_SLACK = 1.01
const FINEST = 2 ** 12

/**
 * P in whole numbers, in the finest unit with which no sum of products can reach 2²⁴: by Cauchy and Schwarz, for an
 * embedding x of at most this length.
 *
 *   |Σ_S x_i·P_ij| ≤ ‖x‖·‖P_j‖ < 2²⁴      for every part S of a sum, in units
 */
export function wholeProjection(projection: Float32Array, features: number, longest: number) {
  const width = projection.length / features
  const squares = new Float64Array(features)
  for (let from = 0; from < projection.length; from += features)
    for (let at = 0; at < features; at += 1)
      squares[at] = (squares[at] ?? 0) + square(projection[from + at] ?? 0)
  const [most, rounding] = [Math.sqrt(squares.reduce((a, b) => Math.max(a, b))), Math.sqrt(width)]
  const input = (LENGTH_SLACK * longest) / INPUT_UNIT + rounding
  let units = FINEST
  while (units > 1 && input * (most * units + rounding) >= EXACT) units /= 2
  const data = new Float32Array(projection.length)
  for (let at = 0; at < data.length; at += 1) data[at] = Math.round((projection[at] ?? 0) * units)
  return { unit: 1 / units, data }
}

function square(value: number): number {
  return value * value
}

const projected = {
  gaussian: memoized(projectedBy('gaussian')),
  orthogonal: memoized(projectedBy('orthogonal')),
} satisfies Readonly<Record<ProjectionKind, unknown>>

function projectedBy(kind: ProjectionKind) {
  return (base: Base, features: number): Base => {
    const { width, unit, longest = unit ? 1 : undefined } = base.network
    const shape = [width, features]
    const data = drawProjection(kind, width, features)
    const whole = longest === undefined ? undefined : wholeProjection(data, features, longest)
    return {
      ...base,
      weights: new Map<string, Tensor>([
        ...base.weights,
        [PROJECTION, { shape, data }],
        ...(whole ? [[WHOLE, { shape, data: whole.data }] as const] : []),
      ]),
      network: {
        ...projectedNetwork(base.network, features),
        ...(longest !== undefined && { longest }),
        ...(whole && { projection: { of: base.network, weight: WHOLE, unit: whole.unit } }),
      },
    }
  }
}

function projectedNetwork(network: Network, features: number): Network {
  return {
    layers: network.layers,
    width: features,
    unit: false,
    latentWidth: (cut) => network.latentWidth(cut),
    sites: (cut) => network.sites(cut),
    trunk: (ops, input, cut) => network.trunk(ops, input, cut),
    tail: (ops, hidden, mask, cut, adaptation) => network.tail(ops, hidden, mask, cut, adaptation),
    pool(ops, positions, mask, adaptation) {
      const embedding = network.pool(ops, positions, mask, adaptation)
      return ops.relu(ops.matMul(embedding, ops.weight(PROJECTION)))
    },
  }
}
