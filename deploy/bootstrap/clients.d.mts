import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const CLIENTS_VERSION: string
export const clientsStep: Step
export function clientsPython(places?: Places): string | undefined
