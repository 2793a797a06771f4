import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const MOTO_VERSION: string
export const motoStep: Step
export function motoPython(places?: Places): string | undefined
