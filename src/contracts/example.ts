/** One example as learner and replay hold it, and how it was answered. Only its task reads a target, a head or an answer. */
import type { EventIdentity, ExampleKey, Json } from './core.ts'
import type { EncodedRow } from './network.ts'

/** The meaning of a head's outputs; only its task reads it. A list of classes, or nothing if outputs have no names. */
export type Head = Json

/** The task's part of a manifest, field by field as it is on disk. */
export type TaskFacts = Readonly<Record<string, Json>>

/** The right answer to one example; only its task reads it. Checkpoints keep it as JSON. */
export type Target = Json

/** How an example was answered before it was learned. */
export interface Score {
  /** 0 = right, 1 = wrong; in between if the task has degrees. */
  readonly error: number
  readonly loss: number
  readonly answer: Json
  /** Nothing that could answer has been learned: it is what comes out of untrained weights, and says nothing. */
  readonly isBlank?: true
  /** Between 0 and 1, not calibrated; absent if the task gives none. */
  readonly confidence?: number
  /** The outputs that it was answered from, and the place of the right one among them; only its task reads it. */
  readonly evidence?: Evidence
}

export interface Evidence {
  readonly outputs: Float32Array
  /** −1: none of them, or several. */
  readonly right: number
  /** Of the outputs, where a task needs them. */
  readonly names?: readonly string[]
}

/** One example as learner and replay hold it. Its latent is a cache, recomputed from `encoded` when missing. */
export interface Example extends EventIdentity {
  readonly key: ExampleKey
  readonly encoded: EncodedRow
  readonly target: Target
  readonly weight: number
  readonly predictionId?: string
  /** The time of its event, or the time when the transport received it. */
  readonly timeMs?: number
  /** The slice of its event; absent = none. */
  readonly slice?: string
}

/** An example with the data stored beside it. */
export interface RememberedExample extends Example {
  /**
   * Logits from when it was first learned. The head may have more outputs since; those of then are still its first
   * ones.
   */
  readonly logits?: Float32Array
}
