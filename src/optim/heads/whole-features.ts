/**
 * Embeddings in whole numbers of 12 bits, for sums that are exact: what is added is the same to the bit whatever the
 * batch, the threads and the engine are.
 *
 *   q = round(x / u)      |q| ≤ 2¹²      u = 2⁻¹² for an embedding of unit length
 *   q = round(relu(x·P) / u)             u = 2⁻⁹ · length of x: eight standard deviations of a product
 *
 * x is the latent itself, which a trunk gives each example alone. Both factors of x·P are whole numbers, so that nothing is
 * rounded. The unit follows from base and projection alone, so two sums of one projection
 * can be added. An embedding without a greatest length has no such unit: its sums are kept in floating point.
 *
 * A number beyond the range is clipped, and an embedding that is longer than its base says is shortened; both are counted.
 */
import { hash } from 'node:crypto'
import { INPUT_UNIT, LENGTH_SLACK } from '../../adapters/closed-form/projection.ts'
import type { Base } from '../../contracts/base.ts'
import type { Latent, Network } from '../../contracts/network.ts'
import { isUntouched, unadapted } from '../../nn/head-input.ts'
import { WholeMatrix } from '../../nn/js/wasm/whole-products.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { invariant } from '../../platform/errors.ts'

/** The greatest whole number. */
export const GREATEST = 2 ** 12
const FEATURE_UNIT = 2 ** -9

/** An embedding in whole numbers, and how many of its numbers were clipped. */
export interface WholeRow {
  readonly numbers: Int16Array
  readonly clipped: number
  /** The embedding has a number that is not finite, and no whole numbers. */
  readonly isBroken?: true
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

/** Undefined for an embedding that has no greatest length, or that is not the latent itself. */
export function wholeFeatures(base: Base): WholeFeatures | undefined {
  const { network } = base
  const { projection } = network
  const input = projection?.of ?? network
  const longest = input.unit ? 1 : input.longest
  if (longest === undefined || !answersItsLatent(input)) return undefined
  const most = (LENGTH_SLACK * longest) / INPUT_UNIT
  const inputs = (latents: readonly Latent[]) => {
    const into = openRows(latents.length, input.width)
    return latents.map(({ data }, row) => wholeInput(data, most, into(row)))
  }
  const { hash: of, trunk = null, quantize = null } = base
  const seen = { base: of, trunk, quantize, width: network.width }
  if (projection === undefined) {
    const identity = digestOf({ ...seen, unit: INPUT_UNIT })
    return { unit: INPUT_UNIT, identity, inputs, of: (rows) => rows }
  }
  const unit = FEATURE_UNIT * 2 ** Math.ceil(Math.log2(longest))
  const shift = Math.log2(unit / (INPUT_UNIT * projection.unit))
  const whole = base.weights.get(projection.weight)?.data
  invariant(whole !== undefined && shift >= 0, 'a projection in whole numbers')
  const drawn = hash('sha256', new Uint8Array(Int16Array.from(whole).buffer))
  const matrix = new WholeMatrix(whole, network.width)
  return {
    unit,
    identity: digestOf({ ...seen, unit, projection: { whole: drawn, unit: projection.unit } }),
    inputs,
    of(rows) {
      const found: WholeRow[] = []
      const into = openRows(rows.length, network.width)
      matrix.multiply(
        rows.map(({ numbers }) => numbers),
        (products, at) => {
          const { clipped, isBroken } = rows[at] ?? {}
          const row = wholeOutput(products, shift, into(at))
          found.push({
            ...row,
            clipped: row.clipped + (clipped ?? 0),
            ...(isBroken && { isBroken }),
          })
        },
      )
      return found
    },
  }
}

/** The numbers of each of so many rows, in one piece of memory. */
function openRows(count: number, width: number): (row: number) => Int16Array {
  const all = new Int16Array(count * width)
  return (row) => all.subarray(row * width, (row + 1) * width)
}

/** round(x / u), of no greater length than `most`. */
function wholeInput(x: Float32Array, most: number, numbers: Int16Array): WholeRow {
  let square = 0
  for (let at = 0; at < x.length; at += 1) {
    const number = wholeOf(x[at] ?? 0)
    numbers[at] = number
    square += number * number
  }
  if (square <= most * most) return { numbers, clipped: 0 }
  if (!Number.isFinite(square))
    return { numbers: numbers.fill(0), clipped: x.length, isBroken: true }
  const factor = most / Math.sqrt(square)
  for (let at = 0; at < x.length; at += 1) numbers[at] = Math.trunc(factor * wholeOf(x[at] ?? 0))
  return { numbers, clipped: x.length }
}

/** Of a single number no bit is lost on the way. */
function wholeOf(x: number): number {
  return Math.floor(x / INPUT_UNIT + 0.5)
}

/** round(2⁻ˢ · relu(product)), by integers and without a jump, because every second product is below 0. */
function wholeOutput(products: Int32Array, shift: number, numbers: Int16Array): WholeRow {
  const half = (2 ** shift) >> 1
  let clipped = 0
  for (let at = 0; at < products.length; at += 1) {
    let number = ((products[at] ?? 0) + half) >> shift
    number &= ~(number >> 31)
    if (number > GREATEST) {
      clipped += 1
      number = GREATEST
    }
    numbers[at] = number
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
