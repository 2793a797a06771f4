/**
 * How long a trainer process may be silent while it learns. It reports a step before it makes it, and is silent until the next
 * one: a step is stuck when it takes ten times as long as the longest so far.
 */
import type { TrainerStatus } from '../contract.ts'

const STEPS_STUCK = 10
/** For the first step of a model, which also compiles: nothing says how long one takes. */
const FIRST_STEP_MS = 60_000

export class StepTimes {
  /** The step of each model that is being made, and since when. */
  readonly #steps = new Map<string, { readonly step: number; readonly sinceMs: number }>()
  /** The longest step of each model that has ended. */
  readonly #longestMs = new Map<string, number>()

  reported({ model, learning }: Pick<TrainerStatus, 'model' | 'learning'>, nowMs: number): void {
    const before = this.#steps.get(model)
    if (before !== undefined && before.step === learning?.step) return
    if (before !== undefined)
      this.#longestMs.set(model, Math.max(this.#longestMs.get(model) ?? 0, nowMs - before.sinceMs))
    if (learning === undefined) this.#steps.delete(model)
    else this.#steps.set(model, { step: learning.step, sinceMs: nowMs })
  }

  /** When the present step of a model began; undefined while it makes none. */
  since(model: string): number | undefined {
    return this.#steps.get(model)?.sinceMs
  }

  /** `leastMs`, or longer while a step is made: one of any model of the process holds up all of them. */
  quietMs(leastMs: number): number {
    const steps = [...this.#steps.keys()].map((model) => {
      const longestMs = this.#longestMs.get(model)
      return longestMs === undefined ? FIRST_STEP_MS : STEPS_STUCK * longestMs
    })
    return Math.max(leastMs, ...steps)
  }

  /** The process has ended, and its steps with it. */
  clear(): void {
    this.#steps.clear()
  }
}
