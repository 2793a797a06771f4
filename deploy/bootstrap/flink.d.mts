import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const FLINK_VERSION: string
export const flinkStep: Step
export function flinkJars(places?: Places): string | undefined
