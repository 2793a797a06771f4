/** Shares of a row of logits in double precision, shifted by the greatest so that nothing overflows. */

/** exp(zᵢ) / Σ exp(zⱼ); of nothing, nothing. */
export function softmax(logits: ArrayLike<number>): number[] {
  const total = logSumExp(logits)
  const shares = new Array<number>(logits.length).fill(0)
  for (let at = 0; at < shares.length; at += 1) shares[at] = Math.exp((logits[at] ?? 0) - total)
  return shares
}

/** log Σ exp(zⱼ); −∞ of nothing. In loops, because it is computed for every row of every step. */
export function logSumExp(logits: ArrayLike<number>): number {
  const top = largestOf(logits)
  if (logits.length === 0) return top
  let sum = 0
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes several times as long
  for (let at = 0; at < logits.length; at += 1) sum += Math.exp((logits[at] ?? 0) - top)
  return top + Math.log(sum)
}

/** −∞ of nothing; NaN if one is. */
export function largestOf(logits: ArrayLike<number>): number {
  let top = -Infinity
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes several times as long
  for (let at = 0; at < logits.length; at += 1) top = Math.max(top, logits[at] ?? 0)
  return top
}
