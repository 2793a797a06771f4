/**
 * How likely given tokens are after given positions, without ever holding the logits of all of them: the vocabulary is by far the
 * widest matrix of a language model.
 *
 *   log π = h·E[t] − log Σⱼ exp(h·Eⱼ)      ∂ log π / ∂h = E[t] − softmax(h·Eᵀ)·E
 *
 * The slope is computed in the same pass, since no later gradient changes it: nothing of the size of the vocabulary is kept.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { TensorFlow } from './tensorflow.ts'

export interface TokenLogs {
  /** log π of each token. */
  readonly logs: Float32Array
  /** ∂ log π / ∂h, [tokens, width]; absent unless it was asked for. */
  readonly slopes?: tfc.Tensor2D
}

/** h [tokens, width] predicts `tokens`; E [vocabulary, width]. The result belongs to the caller's tidy. */
export type TokenLogsOf = (
  h: tfc.Tensor2D,
  tokens: Int32Array,
  E: tfc.Tensor2D,
  options?: { readonly withSlopes?: boolean },
) => TokenLogs

/** Logits at a time: 32 MiB, a few such tensors at once. */
const MOST_LOGITS = 2 ** 23

/** As `TokenLogsOf`. */
export function tokenLogs(
  tf: TensorFlow,
  {
    h,
    tokens,
    E,
  }: { readonly h: tfc.Tensor2D; readonly tokens: Int32Array; readonly E: tfc.Tensor2D },
  { withSlopes = false, mostLogits = MOST_LOGITS } = {},
): TokenLogs {
  const size = Math.max(1, Math.floor(mostLogits / E.shape[0]))
  const logs = new Float32Array(tokens.length)
  const slopes: tfc.Tensor2D[] = []
  for (let from = 0; from < tokens.length; from += size) {
    const some = tokens.slice(from, from + size)
    const slope = tf.tidy(() => {
      const rows = tf.slice(h, [from, 0], [some.length, -1])
      const logits = tf.matMul(rows, E, false, true)
      const most = tf.max(logits, 1, true)
      const shares = tf.exp(tf.sub(logits, most))
      const sum = tf.sum(shares, 1, true)
      const own = tf.gather(tf.reshape(logits, [-1]), placesOf(some, E.shape[0]))
      const found = tf.sub(own, tf.reshape(tf.add(most, tf.log(sum)), [-1]))
      logs.set(found.dataSync<'float32'>(), from)
      if (!withSlopes) return undefined
      const mean = tf.div(tf.matMul(shares, E), sum)
      return tf.sub<tfc.Tensor2D>(tf.gather(E, some), mean)
    })
    if (slope !== undefined) slopes.push(slope)
  }
  const [only, ...others] = slopes
  if (only === undefined) return { logs }
  return { logs, slopes: others.length === 0 ? only : tf.concat2d(slopes, 0) }
}

/**
 * KL(π ‖ ρ) = Σⱼ π(j)·(log π(j) − log ρ(j)) of the next token behind each of h and behind the same place of `other`, in nats.
 */
export function divergences(
  tf: TensorFlow,
  {
    h,
    other,
    E,
  }: { readonly h: tfc.Tensor2D; readonly other: tfc.Tensor2D; readonly E: tfc.Tensor2D },
): Float32Array {
  const [count] = h.shape
  const size = Math.max(1, Math.floor(MOST_LOGITS / E.shape[0]))
  const found = new Float32Array(count)
  for (let from = 0; from < count; from += size)
    tf.tidy(() => {
      const logs = (rows: tfc.Tensor2D) => {
        const some = tf.slice(rows, [from, 0], [Math.min(size, count - from), -1])
        return tf.logSoftmax(tf.matMul(some, E, false, true))
      }
      const [own, base] = [logs(h), logs(other)]
      const sums = tf.sum(tf.mul(tf.exp(own), tf.sub(own, base)), 1)
      found.set(sums.dataSync<'float32'>(), from)
    })
  return found
}

/** Each token's place in rows of the vocabulary's size, one after the other. */
function placesOf(tokens: Int32Array, vocabulary: number): Int32Array {
  return tokens.map((token, row) => row * vocabulary + token)
}
