/** Shares of a row of logits in double precision, shifted by the greatest so that nothing overflows. */

/** exp(zᵢ) / Σ exp(zⱼ); of nothing, nothing. */
export function softmax(logits: ArrayLike<number>): number[] {
  const total = logSumExp(logits)
  return Array.from(logits, (logit) => Math.exp(logit - total))
}

/** log Σ exp(zⱼ); −∞ of nothing. */
export function logSumExp(logits: ArrayLike<number>): number {
  const values = Array.from(logits)
  const top = Math.max(...values)
  if (values.length === 0) return top
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0))
}
