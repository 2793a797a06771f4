import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export const KAFKA_VERSION: string
export const kafkaStep: Step
export function kafkaJars(places?: Places): string | undefined
