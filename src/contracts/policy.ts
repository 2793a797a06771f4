/** Policies: what to keep, what to protect, when to update, how fast to learn, and what to release. */
import type { Decision, ExampleKey, Json, Random, Setting, Stateful, Tensors } from './core.ts'
import type { Score } from './task.ts'

/** The export of a policy's file: a plug-in with settings that are numbers and names. */
export interface PolicyKind<
  Policy,
  Settings extends Readonly<Record<string, number | string>> = never,
> {
  readonly summary: string
  readonly settings: Readonly<Record<[Settings] extends [never] ? string : keyof Settings, Setting>>
  open(settings: Settings): Policy
}

/** Policies of one kind, by the name that a config uses. */
export type PolicyTable<Policy> = Readonly<Record<string, PolicyKind<Policy>>>

/** What a replay policy knows about an example. */
export interface ReplayItem {
  /** The identity of its event. */
  readonly key: ExampleKey
  /** The stratum that the task assigns: the label, for a classification. */
  readonly stratum: string
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
  /** Up to `count` distinct keys, without replacement, none of a stratum in `without` (which is usually empty). */
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
  /** The column of the head that its target names; −1 = none, or outputs are no classes. */
  readonly column: number
  /** The target says that this column is right, not only that it is wrong. */
  readonly isRight: boolean
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
 * from 0.
 */
export interface LearningRateSchedule extends Stateful {
  begin(update: { readonly steps: number; readonly raised: boolean }): void
  factor(step: number): number
}

export interface Scores {
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly loss: number
}

/** A stored example that can answer at once: its embedding and its right label. */
export interface MemoryItem {
  /** The identity of its event. */
  readonly key: ExampleKey
  /** As the task has it: its label, where it classifies. */
  readonly vote: Json
  /** The base's embedding of it, of length 1. */
  readonly vector: Float32Array
}

/** Stored examples that vote along with the head before any step has learned them. Stateless. */
export interface Memory {
  /** Off: it never decides, and no example is embedded for it. */
  readonly keepsNothing?: true
  readonly voice: MemoryVoice
  /** Number of wrong answers after which a version is published without waiting for the next update. */
  readonly every: number
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

/** How much weight kept examples have in an answer. */
export interface MemoryVoice {
  /** The weight of a single example against the head. */
  readonly weight: number
  /** The cosine similarity at which an example has the same weight as the head. */
  readonly threshold: number
  /** How fast that weight changes with the cosine. */
  readonly sharpness: number
}

/**
 * Where the rows of a comparison come from: examples that nothing trains on, or those of the replay buffer, which both
 * versions may have learned.
 */
export type RowOrigin = 'held-out' | 'replay' | 'none'

/** One row of a comparison, as each version answers it: 0 = right, 1 = wrong, in between where the task has degrees. */
export interface RowOutcome {
  /** Of its target, as the task has it. */
  readonly stratum: string
  /** As its event named it. */
  readonly slice?: string
  /** By the candidate; where `isFresh` is false, by a version shortly before it in the same line. */
  readonly candidate: number
  readonly isFresh: boolean
  /** By the newest live version that has answered this row; absent = none has. */
  readonly live?: number
  /** The mean by the versions of each past period, in the order of `periods`; null = none of them has answered it. */
  readonly past: readonly (number | null)[]
}

/** Consecutive live versions, whose outcomes are averaged: single ones of an online learner vary too much. */
export interface PastPeriod {
  readonly first: string
  readonly last: string
  /** Examples that the line had learned before the first of them. */
  readonly events: number
}

/** An example that must stay right, as the candidate answers it. */
export interface GoldenOutcome {
  readonly file: string
  readonly line: number
  readonly error: number
  /** How many live versions in a row have answered it right until now. */
  readonly streak: number
  /** How many live versions have answered it. */
  readonly answers: number
  /** The share of its last answers that was wrong: a fading mean, about of the last twenty. */
  readonly wrong: number
}

/** The widest difference of accuracy between two slices that have enough examples, in percentage points. */
export interface SliceGap {
  readonly best: string
  readonly worst: string
  readonly points: number
  /** Its interval: below `low` it is at most by chance. */
  readonly low: number
  readonly high: number
  /** How many slices were compared. */
  readonly slices: number
}

/** Overfitting: the loss of rows that the last updates trained on, and of rows that none has learned. */
export interface LossGapReport {
  readonly trained: number
  readonly unseen: number
  readonly gap: number
  /** What the unseen rows are. */
  readonly from: 'held-out' | 'prequential'
  /** Updates in a row with a gap above the limit. */
  readonly updates: number
  /** Where there are too many of them. */
  readonly warning?: string
}

/** What is known of a finished candidate. */
export interface PromotionFacts {
  readonly version: string
  /** Examples on which candidate and live version are both scored; 0 = none exist, and `candidate` is meaningless. */
  readonly rows: number
  readonly from: RowOrigin
  /** Of the weights after the update, together with its kNN memory where there is one, on these rows. */
  readonly candidate: Scores
  /** Of the live version on the same rows; absent where none is live, and where it has another adapter. */
  readonly live?: Scores
  /** Of the line of versions over the stream so far: each example before it was learned. */
  readonly prequential: Scores
  /** Of recent examples of the stream, each before it was learned; absent where fewer than two slices have enough. */
  readonly sliceGap?: SliceGap
  /** Row by row, in an order that is random and stays the same; absent = as for no rows. */
  readonly outcomes?: readonly RowOutcome[]
  /** Oldest first; kept as far as a policy's `needs` ask for them. */
  readonly periods?: readonly PastPeriod[]
  /** Of the policies' own examples. */
  readonly golden?: readonly GoldenOutcome[]
}

/** What a promotion policy cannot decide without. */
export interface PromotionNeeds {
  /** Rows that nothing trains on: `evaluation.held_out`. */
  readonly heldOut?: true
  /** Outcomes of this many past live versions. */
  readonly versions?: number
  /** Examples that are scored for it with every candidate and never learned. */
  readonly golden?: readonly GoldenExample[]
}

/** A line of a file of events. */
export interface GoldenExample {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

/** A named policy's decision. */
export interface Verdict extends Decision<'promote' | 'hold'> {
  readonly policy: string
}

export interface PromotionDecision extends Decision<'promote' | 'hold'> {
  /** Where several policies have decided together: each of them. */
  readonly verdicts?: readonly Verdict[]
  /** It is held because of its scores, not only until a person decides. */
  readonly isHarmful?: true
  /** An earlier live version that is shown to be better, where the policy knows one. */
  readonly better?: string
}

/** Whether a finished candidate becomes live. */
export interface Promotion {
  /** It never looks at scores on rows, so that none are computed. */
  readonly looksAtScores?: false
  readonly needs?: PromotionNeeds
  decide(facts: PromotionFacts): PromotionDecision
}

/** What is known of the version that is live, after each scored block. */
export interface RollbackFacts {
  readonly version: string
  /** Of this version, since it went live: each example before it was learned. A count of 0 = it could not be scored. */
  readonly scores: Scores
  /** Of the line of versions over the stream so far. */
  readonly line: Scores
  /** The version that `reference` named, and how it and the live one answer the block; absent = it is not there. */
  readonly reference?: {
    readonly version: string
    /** 0 = right, 1 = wrong, without kNN memory: that knows the block already. */
    readonly answers: readonly { readonly live: number; readonly reference: number }[]
  }
}

/** Absent `to` = the version that was live before. */
export interface RollbackDecision extends Decision<'keep' | 'rollback'> {
  readonly to?: string
}

/** A computation of an answer by the live version, as a server saw it. */
export interface WatchedAnswer {
  readonly version: string
  /** The engine failed on it, or an output was not a finite number. */
  readonly failed: boolean
}

/** Watches the answers of one server. Its state is bounded and ends with the process. */
export interface AnswerWatch {
  /** Called for each answer of the version that is live, in the order in which they end. */
  observe(answer: WatchedAnswer): RollbackDecision
}

/** Whether the live version must be rolled back. Called after each scored block. */
export interface Rollback extends Stateful {
  /** It never looks at scores, so a block may be tested by the same step that learns it. */
  readonly looksAtScores?: false
  /** A version whose answers to each block it compares with those of the live one. Its bytes are kept. */
  reference?(): string | undefined
  /** For each server that answers with the model; the rest of the policy lives in the trainer. */
  watchAnswers?(): AnswerWatch
  decide(facts: RollbackFacts): RollbackDecision
}

/**
 * What a version on trial does until it is live: it answers a share (between 0 and 1) of the requests, or it is computed
 * and compared, and answers none.
 */
export type TrialStage =
  { readonly kind: 'canary'; readonly share: number } | { readonly kind: 'shadow' }

/**
 * An answer of the trial that feedback has judged: 0 = right, 1 = wrong. Of a canary one of the two is there, by whether
 * the canary or the live version answered; with a shadow both, for the same example.
 */
export interface JudgedAnswer {
  readonly candidate?: number
  readonly live?: number
}

/** `promote`: the trial was passed. `stop`: harm was shown. */
export type RolloutDecision =
  Decision<'wait' | 'promote' | 'stop'> | (Decision<'advance'> & { readonly stage: TrialStage })

/**
 * How a version that the promotion policy has released goes live. `begin` starts the trial of a version and returns its
 * first stage, or undefined where it goes live at once. `observe` is called for each judged answer of the trial, in the
 * order of the stream, until it decides `promote` or `stop`. A judgement that comes later, or changes an earlier one, is
 * not observed.
 */
export interface Rollout extends Stateful {
  begin(): TrialStage | undefined
  observe(answer: JudgedAnswer): RolloutDecision
}
