/**
 * Rows of different lengths as one batch: side by side, padded with zeros to the longest, or packed, all positions end to end.
 * The mask is of the rows side by side in both.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Tensor } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { packedPlaces } from '../../nn/rows.ts'
import { packedOps } from '../../nn/tfjs/ops.ts'
import type { TensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { invariant } from '../../platform/errors.ts'

interface BatchInput {
  readonly hidden: Tensor
  readonly mask: Tensor
}

/** hidden [b, s, width], mask [b, s] with 1 for real positions. */
export function padded(rows: readonly Latent[]): BatchInput {
  const [length, width] = [longestOf(rows), widthOf(rows)]
  const hidden = new Float32Array(rows.length * length * width)
  for (const [row, { data }] of rows.entries()) hidden.set(data, row * length * width)
  return { hidden: { shape: [rows.length, length, width], data: hidden }, mask: maskOf(rows) }
}

interface PackedInput extends BatchInput {
  /** [n]: the place of each position among b · s. */
  readonly places: Int32Array
}

/** hidden [1, n, width], n the positions of all rows; mask [b, s] as in `padded`. */
export function packed(rows: readonly Latent[]): PackedInput {
  const width = widthOf(rows)
  const count = rows.reduce((sum, { positions }) => sum + positions, 0)
  const hidden = new Float32Array(count * width)
  let next = 0
  for (const { data } of rows) {
    hidden.set(data, next)
    next += data.length
  }
  const places = packedPlaces(rows.map(({ positions }) => positions))
  return { hidden: { shape: [1, count, width], data: hidden }, mask: maskOf(rows), places }
}

function maskOf(rows: readonly Latent[]): Tensor {
  const length = longestOf(rows)
  const mask = new Float32Array(rows.length * length)
  for (const [row, { positions }] of rows.entries())
    mask.fill(1, row * length, row * length + positions)
  return { shape: [rows.length, length], data: mask }
}

function longestOf(rows: readonly Latent[]): number {
  return Math.max(0, ...rows.map(({ positions }) => positions))
}

function widthOf(rows: readonly Latent[]): number {
  const width = rows[0]?.width ?? 0
  for (const row of rows) invariant(row.width === width, 'latents of one batch come from one cut')
  return width
}

/**
 * Rows as tensors, and the operations that fit them: packed where that is allowed and there is anything to save, else padded.
 */
interface Batch {
  readonly ops: Ops<tfc.Tensor>
  /** [b, s, width], or [1, n, width] when packed. */
  readonly hidden: tfc.Tensor
  /** [b, s] */
  readonly mask: tfc.Tensor
}

/** The caller tidies. */
export function batchOf(
  tf: TensorFlow,
  ops: Ops<tfc.Tensor>,
  rows: readonly Latent[],
  mayPack: boolean,
): Batch {
  const lengths = rows.map(({ positions }) => positions)
  const isPacked = mayPack && lengths.some((length) => length !== lengths[0])
  const { hidden, mask } = isPacked ? packed(rows) : padded(rows)
  return {
    ops: isPacked ? packedOps(tf, ops, lengths) : ops,
    hidden: tf.tensor(hidden.data, [...hidden.shape]),
    mask: tf.tensor(mask.data, [...mask.shape]),
  }
}

/** Cuts a list into pieces of `size`, in order; the last may be shorter. */
export function batches<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  if (items.length <= size) return items.length === 0 ? [] : [items]
  const pieces: Item[][] = []
  for (let from = 0; from < items.length; from += size) pieces.push(items.slice(from, from + size))
  return pieces
}

/**
 * The cost of one more group, in positions: its kernels start and read all weights again. Measured on one core for LoRA
 * on every map of use-lite: 55 ms a group and 0.2 ms a position.
 */
const START = 256

/** So many entries of a row's attention cost as much as a position does elsewhere. */
const SQUARE = 1024

/** Row numbers, shortest group first. */
export function lengthGroups(lengths: readonly number[]): readonly number[][] {
  return cheapestCut(lengths, (rows, longest) => START + rows * longest)
}

/** For rows that are padded only in attention: fewer groups, and only one where all are short. */
export function packedGroups(lengths: readonly number[]): readonly number[][] {
  return cheapestCut(lengths, (rows, longest) => START + (rows * longest ** 2) / SQUARE)
}

/**
 * Cuts a batch into groups of like length, because every row of a group is padded to its longest, and padding costs as
 * much as text. More groups pad less and start more kernels; the cheapest cut of the sorted rows is found exactly.
 *
 *   padded: cost(groups) = Σ (START + rows · longest)                  in positions
 *   packed: cost(groups) = Σ (START + rows · longest² / SQUARE)        only attention is padded
 */
function cheapestCut(
  lengths: readonly number[],
  costOf: (rows: number, longest: number) => number,
): readonly number[][] {
  const order = lengths
    .map((_, row) => row)
    .sort((a, b) => at(lengths, a) - at(lengths, b) || a - b)
  const isOneLength = at(lengths, order[0] ?? 0) === at(lengths, order.at(-1) ?? 0)
  if (isOneLength) return order.length === 0 ? [] : [order]
  // cheapest[end] = the best cost of order[0, end), and where its last group begins.
  const cheapest = [{ cost: 0, from: 0 }]
  for (let end = 1; end <= order.length; end += 1) {
    const longest = at(lengths, at(order, end - 1))
    let best = { cost: Infinity, from: 0 }
    for (let from = 0; from < end; from += 1) {
      const cost = (cheapest[from]?.cost ?? 0) + costOf(end - from, longest)
      if (cost < best.cost) best = { cost, from }
    }
    cheapest.push(best)
  }
  const groups: number[][] = []
  for (let end = order.length; end > 0; end = cheapest[end]?.from ?? 0)
    groups.unshift(order.slice(cheapest[end]?.from ?? 0, end))
  return groups
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0
}
