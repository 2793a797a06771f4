/** What a model is for: targets, scores, answers, and the examples that carry a target. */
import type { Encoded, Ops, ParameterSpec } from './network.ts'
import type { EventIdentity, ExampleKey, Tensor } from './core.ts'
import type { FeedbackSignal } from './stream.ts'

/** The right answer for one row, resolved against the served prediction. */
export type Target =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'not'; readonly label: string }

export interface Answer {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
}

/** A scored signal: whether the answer was right, and the loss before learning it. */
export interface Score {
  readonly correct: boolean
  readonly loss: number
  readonly answer: string
  /** The answer's own score, between 0 and 1. */
  readonly confidence?: number
}

/**
 * The purpose of the head, and the only place that knows about labels. Head tensors are named `head.weight` [width,
 * labels] and `head.bias` [labels]; everything else treats them as ordinary parameters.
 */
export interface Task {
  readonly kind: string
  parameters(width: number, labels: readonly string[]): readonly ParameterSpec[]
  /**
   * Grows the head (and anything with its shape, such as optimizer moments), and the votes of a memory (`votes.*`),
   * from one list of labels to a longer one.
   */
  grow(name: string, tensor: Tensor, labels: number): Tensor
  /** embedding [b, 1, width] → logits [b, 1, labels]; `unit` is the network's. Never called with zero labels. */
  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T
  /** The factor on embedding · head.weight in those logits, before head.bias is added. */
  scale(unit: boolean): number
  /**
   * The event's signal → the target; a rating also needs the answer that was served. Throws a coded error. A retraction
   * has no target and must not come here.
   */
  target(lesson: FeedbackSignal, served: string | undefined, vocabulary: Vocabulary): Target
  /**
   * Dense loss inputs, [b, labels] each: what to raise, what to lower. With p = softmax(logits) over the labels that
   * are not retired, the loss of a row is −Σ wanted·log p − log(1 − Σ unwanted·p). Label targets must be in `labels`:
   * grow first. A retired target teaches nothing.
   */
  targets(
    rows: readonly Target[],
    labels: readonly string[],
    retired?: readonly string[],
  ): { readonly wanted: Tensor; readonly unwanted: Tensor }
  /** Over the labels that are not retired. */
  score(
    logits: Float32Array,
    target: Target,
    labels: readonly string[],
    retired?: readonly string[],
  ): Score
  decode(logits: Float32Array, labels: readonly string[], retired?: readonly string[]): Answer
}

/** Which labels exist for new events. */
export interface Vocabulary {
  readonly labels: readonly string[]
  /** Whether a label that is not among them yet may be learned. */
  readonly open: boolean
  /** Labels that are neither answered nor learned. Their rows of the head stay, in case they come back. */
  readonly retired?: readonly string[] | undefined
  /** Old name → new name: feedback with the old one means the new one. */
  readonly renamed?: Readonly<Record<string, string>> | undefined
}

/** One example as learner and replay hold it. Its latent is a cache, recomputed from `encoded` when missing. */
export interface Example extends EventIdentity {
  readonly key: ExampleKey
  readonly encoded: Encoded
  readonly target: Target
  readonly weight: number
  readonly predictionId?: string
  /** The time of its event, or the time when the transport took it. */
  readonly timeMs?: number
}

/** An example with the data stored beside it. */
export interface Remembered extends Example {
  /** For the labels that the head had then, which are still its first ones. */
  readonly logits?: Float32Array
}
