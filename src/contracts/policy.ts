/** Policies of learning: what to keep, what to protect, when to update, how fast to learn, and what to remember. */
import type { NamedColumn } from './task.ts'
import type { Decision, ExampleKey, Json, Random, Setting, Stateful, Tensors } from './core.ts'
import type { Score } from './example.ts'

/** The export of a policy's file: a plug-in with settings that are numbers and names. */
export interface PolicyKind<
  Policy,
  Settings extends Readonly<Record<string, number | string>> = never,
> {
  readonly summary: string
  readonly settings: Readonly<Record<[Settings] extends [never] ? string : keyof Settings, Setting>>
  /** It works with classes: only for a task that has them. */
  readonly needsClasses?: true
  /** It works too where an example may have several of them, or none, and with strata that are no classes (`TaskHead.hasStrata`). */
  readonly takesSeveral?: true
  /** It works with rankings: only for a task whose answers are choices. */
  readonly needsChoices?: true
  /** It works with texts: only for a task that answers with them. */
  readonly needsTexts?: true
  /** What it keeps stays comparable only if no statistics of the base change an embedding. */
  readonly needsFixedEmbedding?: true
  open(settings: Settings): Policy
}

/** Policies of one kind, by the name that a config uses. */
export type PolicyTable<Policy> = Readonly<Record<string, PolicyKind<Policy>>>

/** What a replay policy knows about an example. */
export interface ReplayItem {
  /** The identity of its event. */
  readonly key: ExampleKey
  /** The strata that the task assigns, one or more: the label, for a classification. */
  readonly strata: readonly string[]
  readonly source: string
  /** The size it takes in the checkpoint. */
  readonly bytes: number
}

/**
 * Which examples to keep; `rehearsal` says how they are used. `offer` is called once for each learned example, after
 * its update; `draw` before each step. Keys are identities: `remove` forgets a retracted example. Bounded in items and
 * in bytes.
 */
export interface Replay {
  readonly size: number
  /** Σ bytes of the kept examples. */
  readonly bytes: number
  /** Absent: replayed rows join the new ones with equal weight. */
  readonly rehearsal?: Rehearsal
  /** Returns the keys that were evicted, including the offered one if it was not kept. */
  offer(item: ReplayItem, random: Random): readonly ExampleKey[]
  /** Up to `count` distinct keys, without replacement, none of strata that are all in `without` (which is usually empty). */
  draw(count: number, random: Random, without?: readonly string[]): readonly ExampleKey[]
  remove(key: ExampleKey): void
  keys(): readonly ExampleKey[]
  /** A copy. */
  snapshot(): Json
  /**
   * `items` are the examples that still exist, in any order: a key that is not among them is gone. The state may come
   * from smaller bounds or from another policy. Restoring twice equals restoring once.
   */
  restore(state: Json, items: readonly ReplayItem[]): void
}

/**
 * How the learner uses the kept examples. The fields are independent, and an absent field means the plain behaviour.
 */
export interface Rehearsal {
  /** Independent draws of `replay_batch` keys for each step; absent = 1. */
  readonly draws?: number
  /**
   * Candidates drawn per replayed example; the step replays those with the largest rise of loss after a step on the new
   * examples alone. Absent = 1: no selection.
   */
  readonly candidates?: number
  /** The learner stores with each example the logits it had right before it was first learned. */
  readonly keepsLogits?: boolean
  /** An update starts from fresh weights and makes this many passes over all kept examples, the new block included. */
  readonly passes?: number
  /** The weight of each row in a step. Called once per step; plain numbers in, plain numbers out. */
  parts?(step: StepRows): StepParts
}

/** The rows of a step: the new ones, and those of each draw. */
export interface StepRows {
  readonly fresh: readonly StepRow[]
  readonly replayed: readonly (readonly StepRow[])[]
}

export interface StepRow {
  /** The columns of the head that its target names; none if outputs are no classes. */
  readonly columns: readonly NamedColumn[]
  readonly weight: number
  /** Whether logits were stored with it. */
  readonly hasLogits: boolean
}

/** One part per row, in the same order. */
export interface StepParts {
  readonly fresh: readonly LossPart[]
  readonly replayed: readonly (readonly LossPart[])[]
}

/**
 * One row's part in the loss of a step, with z its logits and h the stored logits:
 *
 *   target · loss(z) + logits · ¹⁄ₖ Σⱼ (zⱼ − hⱼ)²,   j over the k outputs that the head had when h was stored
 */
export interface LossPart {
  readonly target: number
  readonly logits?: number
  /** The columns that compete; absent = all. A set without the target's own column is ignored. */
  readonly among?: readonly number[]
}

/**
 * Protects old knowledge besides replay, in plain memory. In each step `penalty` comes first, with the present weights,
 * and returns what it adds to the loss and to each gradient, or undefined for nothing. Then come `teacher` and
 * `project`, where they exist. `observe` follows each step that was kept, with the new weights and the gradients of the
 * loss alone (never with the penalty's). A head that grew has more columns than before; its new elements are free.
 */
export interface Regularizer {
  /** It never adds to a step and looks at none: `penalty` and `observe` need not be called. */
  readonly addsNothing?: true
  penalty(parameters: Tensors): { readonly loss: number; readonly gradients: Tensors } | undefined
  observe(parameters: Tensors, gradients: Tensors): void
  /** Earlier weights; the answers that they give on the new rows should stay. */
  teacher?(): Teacher | undefined
  /**
   * The gradient to follow, given the gradient of the new rows and that of the replayed rows, which then have no part
   * in the loss. Not called in a step that lacks either kind of row.
   */
  project?(fresh: Tensors, replayed: Tensors): Tensors
  snapshot(): Tensors
  restore(state: Tensors): void
}

/**
 * With h the teacher's outputs and z the present ones, each over the outputs that the teacher's head has:
 *
 *   weight · ¹⁄ₙ Σ over new rows of  distil(h / temperature, z / temperature)
 *
 * The task says how far apart they are: a classification by the cross-entropy −Σⱼ softmax(h/T)ⱼ · log softmax(z/T)ⱼ.
 */
export interface Teacher {
  readonly parameters: Tensors
  readonly weight: number
  readonly temperature: number
}

/**
 * When to update. `observe` is called for each accepted example in order; 'update' starts an update with all pending
 * examples. `rest`, if present, is called several times a second while the stream is idle. A trigger that reads `nowMs`
 * decides by the clock: another run of the same stream may group events differently. The trainer records such a
 * decision in its checkpoint before the update, and repeats it after a crash (law 2).
 */
export interface Trigger extends Stateful {
  /** True when it needs the score of each example, which must then be computed at once. */
  readonly needsScore: boolean
  /** True when `observe` decides by the clock. */
  readonly readsClock?: true
  observe(seen: {
    readonly pending: number
    readonly score?: Score
    readonly nowMs: number
    /** Its own random stream, part of the checkpoint. */
    readonly random: Random
  }): TriggerDecision
  rest?(seen: { readonly pending: number; readonly nowMs: number }): Decision<'wait' | 'update'>
  /** The number of alarms and the last one, from its state. */
  alarms?(): AlarmCount
}

/** An alarm comes with the verdict 'update': the stream differs from what the weights have learned. */
export interface TriggerDecision extends Decision<'wait' | 'update'> {
  readonly alarm?: Alarm
}

/**
 * What a drift detector saw, and how to respond before the update: not at all; a higher learning rate; a higher rate
 * and empty replay; or everything reset.
 */
export interface Alarm {
  readonly reason: string
  readonly response: 'report' | 'raise-rate' | 'fresh-replay' | 'fresh-adapter'
}

export interface AlarmCount {
  readonly count: number
  /** The reason of the last alarm. */
  readonly last?: string
}

/**
 * How fast to learn, as a factor on both learning rates. `begin` is called before each update with the number of steps
 * planned, and whether an alarm asks for faster learning; `factor` is called before each of these steps, which count
 * from 0. `restore(null)`: fresh weights begin.
 */
export interface LearningRateSchedule extends Stateful {
  begin(update: { readonly steps: number; readonly raised: boolean }): void
  factor(step: number): number
}

/**
 * How the first labelled examples are learned, when there are too few for ordinary steps. Where an update is due, it
 * starts from fresh weights: `passes` over all kept examples, each step on the `loss` of the embeddings of up to `batch`
 * of them; then the head is fitted to the embeddings. Stateless, and only for tasks with classes.
 */
export interface FewShot {
  /** Off: it is never due. */
  readonly isOff?: true
  readonly passes: number
  readonly batch: number
  /** λ of the head's fit, Σ loss + ½λ‖W‖², with W as it multiplies the embedding; absent = 1. */
  readonly penalty?: number
  /** Whether to learn so in an update that takes the number of learned examples from `before` to `after`. */
  isDue(learned: { readonly before: number; readonly after: number }): boolean
  /** On the learning rate, in each of `steps` steps, which count from 0. */
  factor(step: number, steps: number): number
  /** Called once a step; plain numbers in, plain numbers out. */
  loss(rows: readonly EmbeddedRow[]): EmbeddingLoss
}

/** An example with the embedding that the head would read. */
export interface EmbeddedRow {
  readonly embedding: Float32Array
  /** Its class. */
  readonly column: number
  readonly weight: number
}

export interface EmbeddingLoss {
  readonly loss: number
  /** ∂L/∂embedding of each row, in the same order. */
  readonly gradients: readonly Float32Array[]
}

/** A stored example that can answer at once: its embedding and its right label. */
export interface MemoryItem {
  /** The identity of its event. */
  readonly key: ExampleKey
  /** Its right answer as the task stores it: the label, for a classification; a `Lesson`, for texts. */
  readonly vote: Json
  /** The vector that it is compared by, of length 1; none of a lesson. */
  readonly vector: Float32Array
}

/** Stored examples that vote along with the head before any step has learned them. Stateless. */
export interface Memory {
  /** Off: it never decides, and no example is embedded for it. */
  readonly keepsNothing?: true
  readonly voice: MemoryVoice
  /** Number of wrong answers after which a version is published without waiting for the next update; 0 = never. */
  readonly every: number
  /** Inputs are compared by the mean of the trunk's output, not by the base's embedding. Not for a mixture. */
  readonly comparesAtCut?: true
  /** Present if stored examples are one of several experts: each expert counts by how often it was right lately. */
  readonly mixture?: MixturePolicy
  /** Present if stored answers are texts, which stand before a prompt; then nothing votes. */
  readonly retrieval?: Retrieval
  /**
   * `item` is new, and `wasRight` says whether the answer before it was right. Returns which of `kept` (oldest first)
   * and of the item itself to remove. Called once for each example that votes, in order; after a restore also to fit
   * the kept items into the present bounds, oldest first.
   */
  offer(
    item: MemoryItem,
    kept: readonly MemoryItem[],
    seen: { readonly wasRight: boolean },
  ): readonly ExampleKey[]
}

/** How stored answers are found for a prompt. */
export interface Retrieval {
  /** The base of text that compares questions. */
  readonly embedding: string
  /** Which lessons stand before a prompt that asks `question`, nearest first. */
  choose<Near extends NearText>(question: string, nearestFirst: readonly Near[]): readonly Near[]
}

/** A stored question with its answer, and how near it is to the question that is asked: the cosine of their embeddings. */
export interface NearText {
  readonly question: string
  readonly answer: string
  readonly similarity: number
}

/** The experts of a mixture, in this order. */
export const experts = [
  'adapter',
  'knn',
  'closed_form',
  'fast',
  'recent',
  'latest',
  'forest',
] as const

/** The weights of the experts, and how the other experts than the adapter learn. Stateless. */
export interface MixturePolicy {
  /**
   * The weights after an answer; they sum to 1. `likelihoods`: the probability that each expert gave to the right
   * output.
   */
  reweigh(weights: readonly number[], likelihoods: readonly number[]): readonly number[]
  /** Examples after which the closed form has forgotten one; 0 = never. */
  readonly window: number
  /** The step of the fast head, as a fraction of the step that would fit the example exactly. */
  readonly rate: number
  /** The widest embedding that has a closed form: its cost rises with the cube of the width. */
  readonly widest: number
}

/** How much weight kept examples have in an answer. */
export interface MemoryVoice {
  /** The weight of a single example against the head. */
  readonly weight: number
  /** The cosine similarity at which an example has the same weight as the head. */
  readonly threshold: number
  /** How fast that weight changes with the cosine. */
  readonly sharpness: number
}
