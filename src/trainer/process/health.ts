/** What the reports of a trainer process say of its health: which model ends it, and whether a step is stuck. */
import type { TrainerStatus } from '../contract.ts'

/** The state at the checkpoint makes the same end likely again; twice may be chance. */
const MOST_ENDS = 3

interface Blame {
  readonly ends: number
  /** The most training steps that the model has reported. */
  readonly steps: number
  readonly message: string
}

/**
 * Which model ends its process by a bug. The trainers of a process share its end, so a model that has ended it several
 * times without learning more in between is left out: the others learn on, and it is reported as failed.
 *
 * A process with one model is started again and again: nothing would be protected.
 */
export class CrashBlame {
  readonly #isAlone: boolean
  readonly #blamed = new Map<string, Blame>()

  constructor(models: readonly string[]) {
    this.#isAlone = models.length < 2
  }

  /** The process ended because of the model, which had reported `steps` training steps. */
  ended(model: string, steps: number, message: string): void {
    const before = this.#blamed.get(model)
    const ends = (before?.ends ?? 0) + 1
    this.#blamed.set(model, { ends, steps: Math.max(steps, before?.steps ?? 0), message })
  }

  /** A model that learns more than before its last end has passed what ended it. */
  reported({ model, steps }: Pick<TrainerStatus, 'model' | 'steps'>): void {
    if (steps > (this.#blamed.get(model)?.steps ?? Infinity)) this.#blamed.delete(model)
  }

  /** A person restarts the trainers, perhaps with another config. */
  forgive(): void {
    this.#blamed.clear()
  }

  get leftOut(): readonly string[] {
    return [...this.#blamed.keys()].filter((model) => this.fault(model) !== undefined)
  }

  /** Absent if the model is not left out. */
  fault(model: string): Pick<TrainerStatus, 'state' | 'code' | 'message'> | undefined {
    const blame = this.#blamed.get(model)
    if (blame === undefined || blame.ends < MOST_ENDS || this.#isAlone) return undefined
    const { ends, message } = blame
    return {
      state: 'failed',
      code: 'TRAINER_LEFT_OUT',
      message: `its trainer ended the process of several models ${ends} times: ${message}`,
    }
  }
}

const STEPS_STUCK = 10
/** For the first step of a model, which also compiles: nothing says how long one takes. */
const FIRST_STEP_MS = 60_000

/**
 * How long a trainer process may be silent while it learns. It reports a step before it makes it, and is silent until the next
 * one: a step is stuck when it takes ten times as long as the longest so far.
 */
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
