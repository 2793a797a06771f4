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
  let top = -Infinity
  // An iterator takes several times as long.
  /* eslint-disable @typescript-eslint/prefer-for-of */
  for (let at = 0; at < logits.length; at += 1) top = Math.max(top, logits[at] ?? 0)
  if (logits.length === 0) return top
  let sum = 0
  for (let at = 0; at < logits.length; at += 1) sum += Math.exp((logits[at] ?? 0) - top)
  /* eslint-enable @typescript-eslint/prefer-for-of */
  return top + Math.log(sum)
}
