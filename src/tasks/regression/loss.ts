/**
 * The loss of a number and its gradient, in standardised units of the target, so that neither depends on the unit:
 *
 *   r = z − (y − μ) / σ
 *   squared: ½·r²      huber: ½·r² where |r| ≤ δ, else δ·(|r| − ½·δ)
 *
 * Huber (1964), "Robust estimation of a location parameter", Annals of Mathematical Statistics 35(1).
 */
import type { Settings } from '../../contracts/core.ts'

export interface LossSettings {
  readonly loss: string
  /** δ. */
  readonly huber_delta: number
}

export const lossSettings = {
  loss: {
    type: 'choice',
    options: ['huber', 'squared'],
    default: 'huber',
    description: 'squared learns the mean; huber is pulled less by outliers',
  },
  huber_delta: {
    type: 'number',
    minimum: 1e-3,
    maximum: 1000,
    default: 1,
    description: 'deviations of the target from which on the huber loss is linear',
  },
} as const satisfies Settings

export function lossOf(
  r: number,
  { loss, huber_delta: delta }: LossSettings,
): { readonly loss: number; readonly derivative: number } {
  const size = Math.abs(r)
  if (loss === 'squared' || size <= delta) return { loss: 0.5 * r * r, derivative: r }
  return { loss: delta * (size - 0.5 * delta), derivative: delta * Math.sign(r) }
}
