import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const SCHEMATHESIS_VERSION: string
export const schemathesisStep: Step
export function schemathesisPython(places?: Places): string | undefined
