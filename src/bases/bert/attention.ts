/**
 * The common parts of all transformers here. A linear map is a target module: its frozen weights are `<name>.weight`
 * [in, out] and `<name>.bias` [out], and the adaptation decides its output.
 */
import type { Adaptation } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'

/** x · W + b, or the adapter's replacement. */
export function linear<T>(ops: Ops<T>, adaptation: Adaptation<T>, site: string, x: T): T {
  const weight = ops.weight(`${site}.weight`)
  const bias = ops.weight(`${site}.bias`)
  return adaptation.linear(site, x, weight, bias, () => ops.add(ops.matMul(x, weight), bias))
}

/**
 * Each head attends separately, and their outputs are concatenated:
 *
 *   softmax(q kᵀ / √d + bias) v        q, k, v [b, heads, s, d]; bias [b, 1, 1, s] is −1e9 at padding
 *
 * Vaswani et al. (2017), "Attention is all you need".
 */
export function attention<T>(
  ops: Ops<T>,
  parts: { readonly query: T; readonly key: T; readonly value: T; readonly bias: T },
  heads: number,
  headSize: number,
): T {
  const query = ops.mul(ops.splitHeads(parts.query, heads), ops.scalar(1 / Math.sqrt(headSize)))
  const key = ops.splitHeads(parts.key, heads)
  const value = ops.splitHeads(parts.value, heads)
  const weights = ops.softmax(ops.add(ops.batchMatMul(query, key, true), parts.bias))
  return ops.mergeHeads(ops.batchMatMul(weights, value))
}
