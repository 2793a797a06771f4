/**
 * Embeddings in whole numbers of 12 bits, for sums that are exact: what is added is the same to the bit whatever the
 * batch, the threads and the engine are.
 *
 *   q = round(x / u)      |q| ≤ 2¹²      u = 2⁻¹² for an embedding of unit length
 *   q = round(relu(x·P) / u)             u = 2⁻⁹ · length of x: eight standard deviations of a product
 *
 * x is the latent itself, which a trunk gives each example alone. Both factors of x·P are whole numbers, so that single
 * precision adds them without rounding. The unit follows from base and projection alone, so two sums of one projection
 * can be added. An embedding without a greatest length has no such unit: its sums are kept in floating point.
 *
 * A number beyond the range is clipped, and an embedding that is longer than its base says is shortened; both are counted.
 */
import { hash } from 'node:crypto'
import { INPUT_UNIT, LENGTH_SLACK } from '../../adapters/closed-form/projection.ts'
import type { Base } from '../../contracts/base.ts'
import type { Latent, Network } from '../../contracts/network.ts'
import { isUntouched, unadapted } from '../../nn/head-input.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { invariant } from '../../platform/errors.ts'
import type { BaseTensors } from '../engines/eager-pass.ts'
import type { TensorFlow } from '../../nn/tfjs/tensorflow.ts'

/** The greatest whole number. */
export const GREATEST = 2 ** 12
const FEATURE_UNIT = 2 ** -9

/** An embedding in whole numbers, and how many of its numbers were clipped. */
export interface WholeRow {
  readonly numbers: Float64Array
  readonly clipped: number
}

export interface WholeFeatures {
  /** One unit of a number, a power of two. */
  readonly unit: number
  /** What the sums are over: equal for equal bases and projections. */
  readonly identity: string
  /** The embeddings before they are projected, in units of 2⁻¹². */
  inputs(latents: readonly Latent[]): readonly WholeRow[]
  /** The embeddings that are summed. */
  of(inputs: readonly WholeRow[]): readonly WholeRow[]
}

interface WholeParts {
  readonly base: Base
  /** Absent: loops multiply, with the same numbers. */
  readonly engine?: { readonly tf: TensorFlow; readonly baseTensors: BaseTensors }
}

/** Undefined for an embedding that has no greatest length, or that is not the latent itself. */
export function wholeFeatures({ base, engine }: WholeParts): WholeFeatures | undefined {
  const { network } = base
  const { projection } = network
  const input = projection?.of ?? network
  const longest = input.unit ? 1 : input.longest
  if (longest === undefined || !answersItsLatent(input)) return undefined
  const most = (LENGTH_SLACK * longest) / INPUT_UNIT
  const inputs = (latents: readonly Latent[]) => latents.map(({ data }) => wholeInput(data, most))
  const { hash: of, trunk = null, quantize = null } = base
  const seen = { base: of, trunk, quantize, width: network.width }
  if (projection === undefined) {
    const identity = digestOf({ ...seen, unit: INPUT_UNIT })
    return { unit: INPUT_UNIT, identity, inputs, of: (rows) => rows }
  }
  const unit = FEATURE_UNIT * 2 ** Math.ceil(Math.log2(longest))
  const scale = (INPUT_UNIT * projection.unit) / unit
  const whole = base.weights.get(projection.weight)?.data
  invariant(whole !== undefined, 'a projection in whole numbers')
  const drawn = hash('sha256', new Uint8Array(Int16Array.from(whole).buffer))
  return {
    unit,
    identity: digestOf({ ...seen, unit, projection: { whole: drawn, unit: projection.unit } }),
    inputs,
    of(rows) {
      if (rows.length === 0) return []
      const products = engine
        ? productsBy(engine, rows, projection.weight)
        : productsOf(rows, whole, network.width)
      return rows.map(({ clipped }, row) => {
        const found = wholeOutput(products, row * network.width, network.width, scale)
        return { ...found, clipped: found.clipped + clipped }
      })
    },
  }
}

/** round(x / u), of no greater length than `most`. */
function wholeInput(x: Float32Array, most: number): WholeRow {
  const numbers = new Float64Array(x.length)
  let square = 0
  for (let at = 0; at < x.length; at += 1) {
    const number = Math.round((x[at] ?? 0) / INPUT_UNIT)
    numbers[at] = number
    square += number * number
  }
  if (square <= most * most) return { numbers, clipped: 0 }
  const factor = most / Math.sqrt(square)
  return { numbers: numbers.map((number) => Math.trunc(factor * number)), clipped: x.length }
}

/** x·P, row by row. */
function productsOf(rows: readonly WholeRow[], whole: Float32Array, width: number): Float32Array {
  const products = new Float32Array(rows.length * width)
  for (const [row, { numbers }] of rows.entries())
    for (const [at, number] of numbers.entries()) {
      if (number === 0) continue
      for (let to = row * width, from = at * width; from < (at + 1) * width; to += 1, from += 1)
        products[to] = (products[to] ?? 0) + number * (whole[from] ?? 0)
    }
  return products
}

function productsBy(
  { tf, baseTensors }: NonNullable<WholeParts['engine']>,
  rows: readonly WholeRow[],
  weight: string,
): Float32Array {
  const width = rows[0]?.numbers.length ?? 0
  const data = new Float32Array(rows.length * width)
  for (const [row, { numbers }] of rows.entries()) data.set(numbers, row * width)
  let products: Float32Array = new Float32Array()
  // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
  tf.tidy(() => {
    const projection = baseTensors.get(weight)
    invariant(projection !== undefined, 'a projection in whole numbers')
    const x = tf.tensor2d(data, [rows.length, width])
    products = tf.matMul(x, projection).dataSync<'float32'>()
  })
  return products
}

/** round(scale · relu(product)) */
function wholeOutput(products: Float32Array, from: number, width: number, scale: number): WholeRow {
  const numbers = new Float64Array(width)
  let clipped = 0
  for (let at = 0; at < width; at += 1) {
    const product = products[from + at] ?? 0
    if (product <= 0) continue
    const number = Math.floor(product * scale + 0.5)
    if (number > GREATEST) clipped += 1
    numbers[at] = Math.min(number, GREATEST)
  }
  return { numbers, clipped }
}

function answersItsLatent(network: Network): boolean {
  return isUntouched((ops, hidden) => {
    const [mask, adaptation] = [Symbol('mask'), unadapted<symbol>()]
    const positions = network.tail(ops, hidden, mask, network.layers, adaptation)
    return network.pool(ops, positions, mask, adaptation)
  })
}
