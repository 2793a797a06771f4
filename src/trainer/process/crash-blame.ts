/**
 * Which model ends its process by a bug. The trainers of a process share its end, so a model that has ended it several
 * times without learning more in between is left out: the others learn on, and it is reported as failed.
 *
 * A process with one model is started again and again: nothing would be protected.
 */
import type { TrainerStatus } from '../contract.ts'

/** The state at the checkpoint makes the same end likely again; twice may be chance. */
const MOST_ENDS = 3

interface Blame {
  readonly ends: number
  /** The most training steps that the model has reported. */
  readonly steps: number
  readonly message: string
}

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
