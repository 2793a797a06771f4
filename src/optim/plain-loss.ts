/**
 * The loss of loss.ts and its slope, row by row in plain JavaScript.
 *
 *   dL/dz = c · ( Σw · p − w )  +  c · ( p − r )  +  2a · ( z − h )  +  ( Σt · q − t ) / T
 *
 * r is the softmax over what is neither barred nor unwanted; its term is there for rows that have something unwanted.
 */
import type { Tensor } from '../contracts/core.ts'
import { logSumExp } from '../nn/softmax.ts'
import type { LossTargets } from './loss.ts'

export function plainLoss(
  logits: Float32Array,
  targets: LossTargets,
  shares: readonly number[],
): { readonly loss: number; readonly slope: Float32Array } {
  const slope = new Float32Array(logits.length)
  const labels = logits.length / shares.length
  let loss = 0
  for (const [row, share] of shares.entries()) {
    const rowOf = (data: Float32Array) => data.subarray(row * labels, (row + 1) * labels)
    const [z, to] = [rowOf(logits), rowOf(slope)]
    const part = (tensor: Tensor | undefined) => tensor && rowOf(tensor.data)
    const { wanted, unwanted, barred, near, taught } = targets
    const among = sum(z, part(barred))
    loss += share * raise(among, rowOf(wanted.data), share, to)
    loss += share * lower(among, rowOf(unwanted.data), share, to)
    if (near !== undefined) loss += pull(z, rowOf(near.to.data), rowOf(near.share.data), to)
    if (taught !== undefined) {
      const cooled = z.map((value) => value / taught.heat)
      const known = sum(cooled, part(taught.barred))
      loss += raise(known, rowOf(taught.answers.data), 1 / taught.heat, to)
    }
  }
  return { loss, slope }
}

/** −Σ w · log softmax(z); adds `factor` times its slope. */
function raise(z: Float32Array, w: Float32Array, factor: number, to: Float32Array): number {
  const total = logSumExp(z)
  let loss = 0
  let weight = 0
  for (const [at, value] of w.entries()) {
    weight += value
    if (value !== 0) loss += value * (total - (z[at] ?? 0))
  }
  if (weight === 0) return 0
  for (const [at, logit] of z.entries()) {
    const slope = weight * Math.exp(logit - total) - (w[at] ?? 0)
    to[at] = (to[at] ?? 0) + factor * slope
  }
  return loss
}

/** −log(1 − Σ u · p) as a difference of logarithms; adds `factor` times its slope. */
function lower(z: Float32Array, u: Float32Array, factor: number, to: Float32Array): number {
  if (u.every((value) => value === 0)) return 0
  const total = logSumExp(z)
  const rest = logSumExp(z.map((logit, at) => (u[at] === 0 ? logit : -Infinity)))
  for (const [at, logit] of z.entries()) {
    const allowed = u[at] === 0 ? Math.exp(logit - rest) : 0
    to[at] = (to[at] ?? 0) + factor * (Math.exp(logit - total) - allowed)
  }
  return total - rest
}

/** Σ a · (z − h)²; adds its slope. */
function pull(z: Float32Array, h: Float32Array, a: Float32Array, to: Float32Array): number {
  let loss = 0
  for (const [at, share] of a.entries()) {
    const distance = (z[at] ?? 0) - (h[at] ?? 0)
    loss += share * distance * distance
    to[at] = (to[at] ?? 0) + 2 * share * distance
  }
  return loss
}

function sum(z: Float32Array, more: Float32Array | undefined): Float32Array {
  return more === undefined ? z : z.map((value, at) => value + (more[at] ?? 0))
}
