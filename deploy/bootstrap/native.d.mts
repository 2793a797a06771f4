import type { Places } from './places.mjs'
import type { Step } from './set-up.mjs'

export type NativeStage = 'wheel' | 'official' | 'installed' | 'wasm' | 'none'

export interface NativeAttempt {
  readonly title: string
  readonly ok: boolean
  readonly reason: string
  readonly fix?: string
  readonly seconds: number
}

export interface NativeReport {
  readonly stage: NativeStage
  /** Version of libtensorflow, or of TensorFlow.js under WebAssembly. */
  readonly tensorflow: string | null
  readonly reason: string
  readonly proof: {
    readonly product: number[]
    readonly backend: string
    readonly seconds: number
  } | null
  readonly attempts: readonly NativeAttempt[]
  readonly summary: string
}

export const nativeStep: Step
export function nativeReport(places?: Places): NativeReport
export function nativeReminder(places: Places): string | undefined
