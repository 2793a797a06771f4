/**
 * DoRA: a column of the weight is a length times a direction; LoRA changes the direction, and the length is trained
 * separately.
 *
 *   y = m ⊙ (x·W + s·drop(x)·A·B) / ‖W + s·A·B‖ + b      m [out] = ‖W‖, lengths of columns; A, B, s as in lora.ts
 *
 * The gain m / ‖·‖ is computed as (m / ‖W‖) · √(‖W‖² / (‖W‖² + change)), which is exactly 1 while B is 0, and gradients
 * flow through the length: the authors (§4.3) hold it constant in the backward pass, to save memory. Serving receives
 * the gain instead of m, so its graph contains no length; the lengths of the base are frozen weights of its view.
 *
 * Liu et al. (2024), "DoRA: weight-decomposed low-rank adaptation", ICML, arXiv:2402.09353.
 *
 *     adapter: { method: dora, rank: 4 }
 */
import type { Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Base } from '../contracts/base.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { Ops, ParameterSpec } from '../contracts/ops.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import { unadapted } from '../nn/head-input.ts'
import { invariant } from '../platform/errors.ts'
import { lora } from './lora.ts'
import {
  type LowRankSite,
  lowRankFactor,
  lowRankProduct,
  lowRankSettings,
  lowRankSites,
  lowRankSpecs,
  type LowRankConfig,
} from './low-rank.ts'
import { loraConfig, withVectors } from './peft/peft.ts'
import { weightOf } from './target-modules.ts'
import { memoized } from './view.ts'

const MAGNITUDE = '.lora_magnitude_vector'
const NORM = '.dora_norm'
const ONES = 'dora.ones'
/** A column of zeros gets this length, so that it has a direction. */
const LEAST = 1e-6

export const dora = {
  summary: 'LoRA on the direction of each column of a map; its length is learned apart',
  settings: lowRankSettings,
  open: (config: LowRankConfig): Method => ({
    name: 'dora',
    ...((config.dropout ?? 0) > 0 && { isRandomInSteps: true }),
    view,

    parameters: (sites) =>
      lowRankSites(sites, config).flatMap((site): ParameterSpec[] => [
        ...lowRankSpecs(site),
        { name: site.name + MAGNITUDE, shape: [site.outSize], start: { weight: site.name + NORM } },
      ]),

    adaptation(ops, sites, folded) {
      const adapted = new Map(lowRankSites(sites, config).map((site) => [site.name, site]))
      return {
        ...unadapted(),
        linear(name, x, weight, bias, plain) {
          const site = adapted.get(name)
          if (site === undefined) return plain()
          const turned = ops.add(
            ops.matMul(x, weight),
            lowRankProduct(ops, site, x, config, folded),
          )
          const gain = folded ? ops.param(name + MAGNITUDE) : gainOf(ops, site, weight, config)
          return ops.add(ops.mul(turned, gain), bias)
        },
      }
    },

    fold(parameters, base) {
      const folded = new Map(lora.open(config).fold(parameters, base))
      const sites = new Map(base.network.sites(0).map((site) => [site.name, site]))
      for (const name of parameters.keys()) {
        if (!name.endsWith(MAGNITUDE)) continue
        const site = sites.get(name.slice(0, -MAGNITUDE.length))
        invariant(site !== undefined, `${name} belongs to no target module`)
        folded.set(name, foldedGain(site, base, folded))
      }
      return folded
    },

    ...withVectors(MAGNITUDE),
    peftConfig: (sites, base) => ({
      ...loraConfig(config, lowRankSites(sites, config), base),
      use_dora: true,
    }),
  }),
} satisfies MethodPlugin

/** [1, out]. The lengths, as `columnNorms` computes them in plain memory. */
function gainOf<T>(ops: Ops<T>, site: LowRankSite, weight: T, config: LowRankConfig): T {
  const { name, rank } = site
  const [a, b, norm] = [
    ops.param(`${name}.lora_A`),
    lowRankFactor(ops, site, config),
    ops.weight(name + NORM),
  ]
  const turned = ops.transpose(a)
  const along = ops.matMul(turned, weight)
  const twice = ops.add(ops.add(along, along), ops.matMul(ops.matMul(turned, a), b))
  const change = ops.matMul(ops.columns(ops.weight(ONES), 0, rank), ops.mul(b, twice))
  const square = ops.mul(norm, norm)
  const shrunk = ops.sqrt(ops.div(square, ops.add(square, change)))
  return ops.mul(ops.div(ops.param(name + MAGNITUDE), norm), shrunk)
}

function foldedGain(site: TargetModule, base: Base, folded: Tensors): Tensor {
  const tensor = (named: Tensors, name: string) => {
    const found = named.get(name)
    invariant(found !== undefined, `no ${name} to fold`)
    return found
  }
  const { name } = site
  const { shape, data: magnitude } = tensor(folded, name + MAGNITUDE)
  const { data: norm } = tensor(base.weights, name + NORM)
  const [a, b] = [tensor(folded, `${name}.lora_A`), tensor(folded, `${name}.lora_B`)]
  const change = changeOfSquares(tensor(base.weights, weightOf(site)), a, b)
  const gain = magnitude.map(
    (value, at) => value / Math.sqrt((norm[at] ?? 0) ** 2 + (change[at] ?? 0)),
  )
  return { shape, data: gain }
}

const measured = memoized(withNorms)

/** The base with the column lengths of every linear map, and with a row of ones that sums up columns. */
function view(base: Base): Base {
  return base.weights.has(ONES) ? base : measured(base, undefined)
}

function withNorms(base: Base): Base {
  const linear = base.network.sites(0).filter(({ kind }) => kind === 'linear')
  const norms = linear.map((site): [string, Tensor] => {
    const weight = base.weights.get(weightOf(site))
    invariant(weight !== undefined, `the base has no ${weightOf(site)}`)
    const data = columnNorms(weight).map((norm) => Math.max(norm, LEAST))
    return [site.name + NORM, { shape: [site.outSize], data }]
  })
  const width = Math.max(1, ...linear.map(({ inSize, outSize }) => Math.min(inSize, outSize)))
  const ones = { shape: [1, width], data: new Float32Array(width).fill(1) }
  return { ...base, weights: new Map([...base.weights, ...norms, [ONES, ones]]) }
}

/**
 * Lengths of the columns of W + C·B, in plain memory and double precision, without computing the sum:
 *
 *   ‖(W + C·B)ⱼ‖² = ‖Wⱼ‖² + Σₖ B[k,j] · (2·P[k,j] + Σₗ G[k,l]·B[l,j])      P = Cᵀ·W [r, out], G = Cᵀ·C [r, r]
 *
 * W [in, out], C [in, r], B [r, out]. Every swap waits for this.
 */
function columnNorms({ shape, data }: Tensor): Float32Array {
  const [rows = 0, columns = 0] = shape
  const squares = new Float64Array(columns)
  for (let row = 0, at = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1)
      squares[column] = (squares[column] ?? 0) + (data[at] ?? 0) ** 2
  return Float32Array.from(squares, Math.sqrt)
}

/** The change of the squared lengths. */
function changeOfSquares(w: Tensor, c: Tensor, b: Tensor): Float64Array {
  const [rank = 0, columns = 0] = b.shape
  const along = turnedProduct(c, w)
  const gram = turnedProduct(c, c)
  const change = new Float64Array(columns)
  for (let k = 0; k < rank; k += 1) {
    const row = along.subarray(k * columns, (k + 1) * columns)
    for (let at = 0; at < columns; at += 1) row[at] = 2 * (row[at] ?? 0)
    for (let l = 0; l < rank; l += 1) {
      const factor = gram[k * rank + l] ?? 0
      const other = b.data.subarray(l * columns, (l + 1) * columns)
      for (let at = 0; at < columns; at += 1) row[at] = (row[at] ?? 0) + factor * (other[at] ?? 0)
    }
    const own = b.data.subarray(k * columns, (k + 1) * columns)
    for (let at = 0; at < columns; at += 1)
      change[at] = (change[at] ?? 0) + (own[at] ?? 0) * (row[at] ?? 0)
  }
  return change
}

/** Cᵀ·W, four rows of W at a time, so that each number of the result is read and written a quarter as often. */
function turnedProduct(c: Tensor, w: Tensor): Float64Array {
  const [rows = 0, rank = 0] = c.shape
  const [, columns = 0] = w.shape
  const [left, right] = [c.data, w.data]
  const product = new Float64Array(rank * columns)
  const factors = new Float64Array(4)
  for (let row = 0; row < rows; row += 4)
    for (let k = 0; k < rank; k += 1) {
      for (let more = 0; more < 4; more += 1)
        factors[more] = row + more < rows ? (left[(row + more) * rank + k] ?? 0) : 0
      addFour(product, k * columns, factors, right, row * columns, columns)
    }
  return product
}

/** to += four factors · four rows of `size` numbers. */
function addFour(
  to: Float64Array,
  toAt: number,
  factors: Float64Array,
  rows: Float32Array,
  from: number,
  size: number,
): void {
  const a = factors[0] ?? 0
  const b = factors[1] ?? 0
  const c = factors[2] ?? 0
  const d = factors[3] ?? 0
  for (let at = 0; at < size; at += 1)
    to[toAt + at] =
      (to[toAt + at] ?? 0) +
      a * (rows[from + at] ?? 0) +
      b * (rows[from + size + at] ?? 0) +
      c * (rows[from + 2 * size + at] ?? 0) +
      d * (rows[from + 3 * size + at] ?? 0)
}
