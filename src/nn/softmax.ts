/** Shares of a row of logits in double precision, shifted by the greatest so that nothing overflows. */
import { BLOCK, exponentiateLent, lentExponentials } from './js/wasm/lent.ts'

/** Shorter rows cost less in a loop than copied for a kernel, which gives the same bits. */
const FEWEST_LENT = 12

/** exp(zᵢ) / Σ exp(zⱼ); of nothing, nothing. */
export function softmax(logits: ArrayLike<number>): number[] {
  const total = logSumExp(logits)
  const shares = new Array<number>(logits.length).fill(0)
  for (let at = 0; at < shares.length; at += 1) shares[at] = Math.exp((logits[at] ?? 0) - total)
  return shares
}

/** log Σ exp(zⱼ); −∞ of nothing. */
export function logSumExp(logits: ArrayLike<number>): number {
  const top = largestOf(logits)
  return logits.length === 0 ? top : top + Math.log(exponentiate(logits, top))
}

/** What `exponentiate` has written last, from the beginning: kept for the gradient, because it takes most of the time of a loss. */
export const exponentials: { parts: Float64Array } = { parts: new Float64Array() }

let own = exponentials.parts

/** Writes exp(zᵢ − top), for the greatest logit `top`, into `exponentials.parts`; the sum of them. */
export function exponentiate(logits: ArrayLike<number>, top: number): number {
  const { length } = logits
  if (length >= FEWEST_LENT && length <= BLOCK && logits instanceof Float32Array) {
    exponentials.parts = lentExponentials
    return exponentiateLent(logits, top)
  }
  if (own.length < length) own = new Float64Array(2 * length)
  const parts = (exponentials.parts = own)
  let sum = 0
  // In a loop, because it is computed for every row of every step.
  for (let at = 0; at < length; at += 1) sum += parts[at] = Math.exp((logits[at] ?? 0) - top)
  return sum
}

/** −∞ of nothing. NaN is passed over: its exponential makes the sum NaN. */
export function largestOf(logits: ArrayLike<number>): number {
  let top = -Infinity
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes several times as long
  for (let at = 0; at < logits.length; at += 1) {
    const logit = logits[at] ?? 0
    // `Math.max` would look at signs of zero too, for every row of every step.
    if (logit > top) top = logit
  }
  return top
}
