/** The states of the learner that the checkpoint keeps for versions, without what was retracted since it was saved. */
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { LearnerSnapshot, RetractedKeys } from '../checkpoint/saved.ts'
import type { TrainableState } from '../contracts/adapter.ts'
import { CodedError, type Logger } from '../contracts/core.ts'
import type { RememberedExample } from '../contracts/example.ts'
import { isMeant } from '../intake/retraction.ts'

export class Snapshots {
  readonly #checkpoint: Checkpoint
  readonly #log: Logger
  #retracted: RetractedKeys = { keys: [], predictions: [] }
  #onRetract: () => void = () => undefined

  constructor(checkpoint: Checkpoint, log: Logger) {
    this.#checkpoint = checkpoint
    this.#log = log
  }

  /** Since the last save. */
  get retracted(): RetractedKeys {
    return this.#retracted
  }

  /** Called at once when something is taken out of them. */
  onRetract(call: () => void): void {
    this.#onRetract = call
  }

  retract({ keys, predictions, meant = [] }: RetractedKeys): void {
    this.#onRetract()
    const before = this.#retracted
    this.#retracted = {
      keys: [...before.keys, ...keys],
      predictions: [...before.predictions, ...predictions],
      meant: [...(before.meant ?? []), ...meant],
    }
  }

  /** The checkpoint has removed what was retracted. */
  saved(): void {
    this.#retracted = { keys: [], predictions: [] }
  }

  /** Undefined if none is kept of this version, or if it is damaged. */
  weightsOf(version: string): TrainableState | undefined {
    return this.#unlessDamaged(version, () => this.#checkpoint.weightsOf(version))
  }

  /** Undefined if none is kept of this version, or if it is damaged. */
  of(version: string): LearnerSnapshot | undefined {
    const kept = this.#unlessDamaged(version, () => this.#checkpoint.snapshot(version))
    const { keys, predictions, meant = [] } = this.#retracted
    if (kept === undefined || keys.length + meant.length === 0) return kept
    const gone = new Set(keys)
    const isThere = (traced: Pick<RememberedExample, 'key' | 'predictionId' | 'timeMs'>) => {
      const { key, predictionId } = traced
      if (gone.has(key) || meant.some((each) => isMeant(each, traced))) return false
      return predictionId === undefined || !predictions.includes(predictionId)
    }
    return {
      ...kept,
      remembered: kept.remembered.filter(isThere),
      memorised: kept.memorised?.filter(isThere),
    }
  }

  /** The version itself has its weights, so a damaged snapshot is no reason to stop. */
  #unlessDamaged<Part>(version: string, read: () => Part | undefined): Part | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'STORE_CORRUPT') throw error
      const message =
        'the state of this version is damaged in the checkpoint; going back to its weights alone'
      this.#log.error({ version, err: error }, message)
      return undefined
    }
  }
}
