/** Policies: what to keep, what to protect, when to update, how fast to learn, what to release. */
import type { Decision, Json, Random, Stateful, Tensors } from './core.ts'
import type { Score, Target } from './task.ts'

/** One knob of a policy as data: validation, the config's schema and its documentation are made from it. */
export type Setting =
  | {
      readonly type: 'integer' | 'number'
      readonly minimum: number
      readonly maximum: number
      readonly default: number
      readonly description: string
    }
  | {
      readonly type: 'choice'
      readonly options: readonly string[]
      readonly default: string
      readonly description: string
    }
  | {
      /** Written `1s` or `500ms`; 0 = off. `open` gets milliseconds. */
      readonly type: 'duration'
      readonly minimum: number
      readonly maximum: number
      readonly default: string
      readonly description: string
    }

/** What a policy's file exports. `open` gets every setting, within its bounds. */
export interface PolicyKind<
  Policy,
  Settings extends Readonly<Record<string, number | string>> = never,
> {
  readonly summary: string
  readonly settings: Readonly<Record<[Settings] extends [never] ? string : keyof Settings, Setting>>
  open(settings: Settings): Policy
}

/** What a replay policy is told of an example. */
export interface ReplayItem {
  /** `source` NUL `id`: the identity of its event. */
  readonly key: string
  readonly label: string
  readonly source: string
  /** What keeping it takes in the checkpoint. */
  readonly bytes: number
}

/**
 * What to keep; how it is used is `rehearsal`. `offer` is called once for each learned example, after its update; `draw`
 * before each step. Keys are identities: `remove` forgets a retracted example. Bounded in items and in bytes.
 */
export interface Replay {
  readonly size: number
  /** Σ bytes of what is kept. */
  readonly bytes: number
  /** Absent: replayed rows stand beside the new ones, and all count alike. */
  readonly rehearsal?: Rehearsal
  /** Answers the keys that went to make room, the offered one among them when it was not kept. */
  offer(item: ReplayItem, random: Random): readonly string[]
  /** Up to `count` distinct keys, without replacement; none of a label in `without`, which is seldom any. */
  draw(count: number, random: Random, without?: readonly string[]): readonly string[]
  remove(key: string): void
  keys(): readonly string[]
  /** A copy. */
  snapshot(): Json
  /**
   * `items` are the examples that still exist, in any order: a key that is not among them is gone. A state of smaller
   * bounds, or of another policy, may be handed in. Restoring twice equals restoring once.
   */
  restore(state: Json, items: readonly ReplayItem[]): void
}

/** How the learner uses what was kept. Each field stands for itself, and absent ones mean the plain way. */
export interface Rehearsal {
  /** Draws of `replay_batch` keys for each step, each without regard to the others; absent = 1. */
  readonly draws?: number
  /**
   * Candidates drawn for each example that a step rehearses; those whose loss would rise most by a step on the new
   * examples alone are rehearsed. Absent = 1: nothing to choose from.
   */
  readonly candidates?: number
  /** The learner keeps with each example the logits that it had right before it was first learned. */
  readonly keepsLogits?: boolean
  /** An update begins with fresh weights and makes so many passes over all that is kept, the block among it. */
  readonly passes?: number
  /** What each row of a step counts for. Called once for each step; plain numbers in, plain numbers out. */
  parts?(step: StepRows): StepParts
}

/** The rows of a step: the new ones, and those of each draw. */
export interface StepRows {
  readonly fresh: readonly StepRow[]
  readonly replayed: readonly (readonly StepRow[])[]
}

export interface StepRow {
  readonly target: Target
  readonly weight: number
  /** Whether logits were kept with it. */
  readonly hasLogits: boolean
}

/** A part for each row, in the same order. */
export interface StepParts {
  readonly fresh: readonly LossPart[]
  readonly replayed: readonly (readonly LossPart[])[]
}

/**
 * One row's part in the loss of a step, with z its logits and h those kept with it:
 *
 *   target · loss(z) + logits · ¹⁄ₖ Σⱼ (zⱼ − hⱼ)²,   j over the k labels that the head had when h was kept
 */
export interface LossPart {
  readonly target: number
  readonly logits?: number
  /** The labels that its softmax runs over; absent = all. One that lacks the target's own label is not heeded. */
  readonly among?: readonly string[]
}

/**
 * What protects old knowledge besides replay, in plain memory. In each step `penalty` comes first, with the present
 * weights, and answers what it adds to the loss and to each gradient, or undefined for nothing. Then `teacher` and
 * `project`, where there are any. `observe` follows each step that was kept, with the new weights and the gradients of
 * the loss alone (never with the penalty's). A head that grew has more columns than before; its new elements are free.
 */
export interface Regularizer {
  penalty(parameters: Tensors): { readonly loss: number; readonly gradients: Tensors } | undefined
  observe(parameters: Tensors, gradients: Tensors): void
  /** Weights whose answers on the new rows shall be kept. */
  teacher?(): Teacher | undefined
  /**
   * The gradient to follow, given that of the new rows and that of the replayed ones: these then have no part in the
   * loss. Not called in a step that lacks either.
   */
  project?(fresh: Tensors, replayed: Tensors): Tensors
  snapshot(): Tensors
  restore(state: Tensors): void
}

/**
 * With h the teacher's logits and z the present ones, each over the labels that the teacher's head has:
 *
 *   weight · ¹⁄ₙ Σ over new rows of  −Σⱼ softmax(h / heat)ⱼ · log softmax(z / heat)ⱼ
 */
export interface Teacher {
  readonly parameters: Tensors
  readonly weight: number
  readonly heat: number
}

/**
 * When to update. `observe` is called for each accepted example in order; 'update' starts one with all pending. `rest`,
 * where there is one, is asked several times a second while the stream has nothing. One that looks at `nowMs` decides by
 * the clock: another run of the same stream may cut other updates. The trainer records such a cut in its checkpoint
 * before the update, and makes the same one again after a crash (law 2).
 */
export interface Trigger extends Stateful {
  /** True when it looks at the score of each example, which must then be computed at once. */
  readonly needsScore: boolean
  /** True when `observe` decides by the clock. */
  readonly readsClock?: true
  observe(seen: {
    readonly pending: number
    readonly score?: Score
    readonly nowMs: number
    /** Its own stream of chance, part of the checkpoint. */
    readonly random: Random
  }): TriggerDecision
  rest?(seen: { readonly pending: number; readonly nowMs: number }): Decision<'wait' | 'update'>
  /** Alarms so far and the last one, from its state. */
  alarms?(): AlarmCount
}

/** An alarm comes with the verdict 'update': the stream is another one than the weights have learned. */
export interface TriggerDecision extends Decision<'wait' | 'update'> {
  readonly alarm?: Alarm
}

/**
 * What a drift detector saw, and what to do about it before the update: nothing; a higher rate; a higher rate, and nothing
 * is replayed from before; all of it anew.
 */
export interface Alarm {
  readonly reason: string
  readonly response: 'report' | 'raise-rate' | 'fresh-replay' | 'fresh-adapter'
}

export interface AlarmCount {
  readonly count: number
  /** The reason of the last one. */
  readonly last?: string
}

/**
 * How fast to learn, as a factor on both learning rates. `begin` is called before each update with the steps that it
 * plans, and whether an alarm asks for faster learning; `factor` then before each of these steps, which count from 0.
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

/** What is kept of an example so that it answers at once: where it lies, and what was right there. */
export interface MemoryItem {
  /** `source` NUL `id`: the identity of its event. */
  readonly key: string
  readonly label: string
  /** The base's embedding of it, of length 1. */
  readonly vector: Float32Array
}

/** Kept examples that answer along with the head, before any step has learned them. Without a state of its own. */
export interface Memory {
  /** It is never asked, and no example is embedded for it. */
  readonly keepsNothing?: true
  readonly voice: MemoryVoice
  /** Wrong answers after which a version is made without waiting for the next update. */
  readonly every: number
  /**
   * `item` is new, and `wasRight` what was answered before it came. Which of `kept`, oldest first, and of the item itself
   * go. Called once for each example with a label, in order; after a restore also to fit what was kept into the
   * bounds of today, with the items oldest first.
   */
  offer(
    item: MemoryItem,
    kept: readonly MemoryItem[],
    seen: { readonly wasRight: boolean },
  ): readonly string[]
}

/** How loudly kept examples speak. */
export interface MemoryVoice {
  /** Of one that is heard alone, against the head. */
  readonly weight: number
  /** The cosine at which it is heard as loudly as the head. */
  readonly threshold: number
  /** How fast that changes with the cosine. */
  readonly sharpness: number
}

/** Whether a finished candidate becomes live. */
export interface Promotion {
  decide(facts: {
    readonly candidate: Scores
    readonly version: string
  }): Decision<'promote' | 'hold'>
}

/** Whether the live version must go back by itself. Called after each scored block. */
export interface Rollback extends Stateful {
  /** It never looks at scores, so that a block may be tested by the very step that learns it. */
  readonly looksAtScores?: false
  decide(facts: {
    readonly scores: Scores
    readonly version: string
  }): Decision<'keep' | 'rollback'>
}
