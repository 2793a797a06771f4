/**
 * The loss of a number and its slope, in deviations of the target, so that neither depends on the unit:
 *
 *   r = z − (y − μ) / σ
 *   squared: ½·r²      huber: ½·r² where |r| ≤ δ, else δ·(|r| − ½·δ)
 *
 * Huber (1964), "Robust estimation of a location parameter", Annals of Mathematical Statistics 35(1).
 */
export interface LossSettings {
  readonly loss: string
  /** δ. */
  readonly huber_delta: number
}

export function lossOf(
  r: number,
  { loss, huber_delta: delta }: LossSettings,
): { readonly loss: number; readonly slope: number } {
  const size = Math.abs(r)
  if (loss === 'squared' || size <= delta) return { loss: 0.5 * r * r, slope: r }
  return { loss: delta * (size - 0.5 * delta), slope: delta * Math.sign(r) }
}
