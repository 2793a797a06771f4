import type { Step } from './set-up.mjs'

export const STEPS: readonly Step[]
export function stepsFor(flags: { tests?: boolean; all?: boolean }): Step[]
