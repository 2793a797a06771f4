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
  const data = new Float32Array(width * features)
  const root = Math.sqrt(size)
  for (let from = 0; from < features; from += size) {
    const signs = Float64Array.from({ length: ROUNDS * size }, () => 1 - 2 * random.below(2))
    const columns = Math.min(size, features - from)
    for (let row = 0; row < width; row += 1) {
      const values = new Float64Array(size)
      values[row] = root
      for (let round = 0; round < ROUNDS; round += 1) {
        for (let at = 0; at < size; at += 1)
          values[at] = (values[at] ?? 0) * (signs[round * size + at] ?? 0)
        transform(values)
      }
      data.set(values.subarray(0, columns), row * features + from)
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
  const scale = 1 / Math.sqrt(length)
  return (values) => {
    for (let from = 0; from < size; from += length) hadamard(values, from, length)
    across(values, length, cosines)
    for (let at = 0; at < size; at += 1) values[at] = scale * (values[at] ?? 0)
  }
}

function oddPart(size: number): number {
  let odd = size
  while (odd % 2 === 0) odd /= 2
  return odd
}

/** H without its factor. */
function hadamard(values: Float64Array, from: number, length: number): void {
  for (let half = 1; half < length; half *= 2)
    for (let start = from; start < from + length; start += 2 * half)
      for (let at = start; at < start + half; at += 1) {
        const [a, b] = [values[at] ?? 0, values[at + half] ?? 0]
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

/** The number at one place of each segment, for all places. */
function across(values: Float64Array, length: number, cosines: Float64Array): void {
  const count = values.length / length
  if (count === 1) return
  const own = new Float64Array(count)
  for (let place = 0; place < length; place += 1) {
    for (let j = 0; j < count; j += 1) own[j] = values[j * length + place] ?? 0
    for (let k = 0; k < count; k += 1) {
      let sum = 0
      for (let j = 0; j < count; j += 1) sum += (cosines[k * count + j] ?? 0) * (own[j] ?? 0)
      values[k * length + place] = sum
    }
  }
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
  for (const [at, value] of projection.entries())
    squares[at % features] = (squares[at % features] ?? 0) + value * value
  const [most, rounding] = [Math.sqrt(Math.max(...squares)), Math.sqrt(width)]
  const input = (LENGTH_SLACK * longest) / INPUT_UNIT + rounding
  let units = FINEST
  while (units > 1 && input * (most * units + rounding) >= EXACT) units /= 2
  return { unit: 1 / units, data: projection.map((value) => Math.round(value * units)) }
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
