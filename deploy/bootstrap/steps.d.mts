import type { Step } from './set-up.mjs'

export const STEPS: readonly Step[]
export function stepsFor(
  flags: { tests?: boolean; services?: boolean; all?: boolean; downloads?: boolean },
  places?: { isCheckout: boolean },
): Step[]
