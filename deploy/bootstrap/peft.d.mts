import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const PEFT_VERSION: string
export const peftStep: Step
export function peftPython(places?: Places): string | undefined
