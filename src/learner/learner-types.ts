/** The parts of a learner, its inputs and its results. */
import type { Trainable, TrainableState } from '../contracts/adapter.ts'
import type { ExampleKey, Json, Random, Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { Alarm, FewShot, LearningRateSchedule, Trigger } from '../contracts/policy.ts'
import type { KlReport, Rollback } from '../contracts/release.ts'
import type { Example, Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import type { ReplayBufferParts, ReplayBufferState } from './replay-buffer.ts'
import type { KnnMemoryParts } from './memory/knn-memory.ts'
import type { TextMemoryParts } from './memory/text-memory.ts'
import type { MemorisedItem, MemoryState } from './memory/example-memory.ts'
import type { LossGapLimits, LossGapState } from '../evaluation/loss-gap.ts'
import type { LiveScoresState } from '../evaluation/running-scores.ts'
import type { ScoreboardState, QualityLimits } from '../evaluation/scoreboard.ts'

export interface LearnerParts {
  readonly trainable: Trainable
  readonly task: Task
  readonly replayBuffer: Omit<ReplayBufferParts, 'task'>
  readonly trigger: Trigger
  /** The trigger's own stream of chance. */
  readonly chance: Random
  readonly rate: LearningRateSchedule
  readonly rollback: Rollback
  /** The zero-initialised adapter, for an alarm that asks for it. */
  readonly freshParameters: (head: Head) => Tensors
  readonly train: TrainPlan
  /** Absent = the first examples are learned like all others. */
  readonly fewShot?: FewShot | undefined
  /** The most tokens of a row of texts; absent = no limit. */
  readonly maxTokens?: number
  /** Rows that no event teaches, and how many of them are beside the examples of each step. */
  readonly general?: GeneralRows | undefined
  /** Absent = the head alone answers. */
  readonly knnMemory?: KnnMemoryParts | undefined
  /** Absent = no answers are kept for prompts. */
  readonly textMemory?: TextMemoryParts | undefined
  readonly quality?: QualityLimits | undefined
  /** Absent = it is not measured. */
  readonly lossGap?: LossGapLimits | undefined
  /** Those of these examples that are in the exact sums, as they were learned; replay need not hold them. Absent = none. */
  readonly summed?: ((keys: readonly ExampleKey[]) => readonly Example[] | undefined) | undefined
  /** Events that the sums have a lesson about a prediction from, though their newest row says something else. */
  readonly summedAbout?: ((predictionId: string) => readonly ExampleKey[]) | undefined
  /** The trust in an example of a step, new or replayed; absent = full trust. */
  readonly trust?: ((example: Example, latent?: Latent) => Trust) | undefined
}

export interface GeneralRows {
  readonly batch: number
  readonly examples: readonly Example[]
}

export interface Trust {
  /** A factor on its weight. */
  readonly weight: number
  /** How likely its target is wrong. */
  readonly doubt: number
}

export interface TrainPlan {
  /** New examples a step, and replayed examples beside them. */
  readonly batch: number
  readonly replay_batch: number
  /** Passes over each block; absent = as many as `passesOver` says. */
  readonly epochs?: number | undefined
  /** Passes without a lower loss after which the others are left out; 0 or absent = none is. */
  readonly patience?: number
  /** Steps without a lower loss of held-out rows after which the rest are left out; 0 or absent = none is. */
  readonly early_stop?: { readonly patience: number }
  /** Steps on stored examples alone, once after the stream became idle; 0 or absent = none. */
  readonly rest_steps?: number
}

/** The parts of a version that answer. */
export interface VersionState {
  readonly weights: TrainableState
  /** The items of its kNN memory; absent = the present ones. */
  readonly memorised?: readonly MemorisedItem[] | undefined
}

/** The live version. */
export interface LiveVersion {
  readonly version: string
  readonly memorised?: readonly MemorisedItem[] | undefined
  /** The version that the rollback policy compares it with. */
  readonly reference?: { readonly version: string; readonly weights: TrainableState } | undefined
  /** Present if the learner's own weights are those of another version; `unknown`: they do not fit its adapter. */
  readonly weights?: TrainableState | 'unknown'
}

export type LatentMap = ReadonlyMap<ExampleKey, Latent>
/** Yields the examples that it needs latents of next, is resumed with them, and returns the result. */
export type LatentRequests<Result = void> = Generator<readonly Example[], Result, LatentMap>

export interface UpdateOptions {
  /** Rows that nothing trains on: early stopping watches them. */
  readonly heldOut?: readonly Example[]
  readonly fresh?: FreshStart | undefined
}

/**
 * What starts again from the stored examples, because it has learned data that must not stay. `experts`: only those
 * beside the adapter, where the data was subtracted from the adapter itself.
 */
export type FreshStart = 'everything' | 'experts'

export interface Outcome {
  /** `rollback`: the block was scored, the policy wants the version before, and nothing was learned. */
  readonly verdict: 'learned' | 'rollback'
  readonly reason: string
  /** The target of a rollback; absent = the version that was live before. */
  readonly to?: string
  readonly learned: number
  /** Steps made, and how many of them were dropped. */
  readonly steps: number
  readonly dropped: number
  /** Rows of all its steps, replayed ones too. */
  readonly rows: number
  /** Held-out rows got worse, so that the update ended before all of its passes. */
  readonly isStopped?: boolean
  /** Keys of the examples in those, replayed ones too. */
  readonly droppedKeys?: readonly ExampleKey[]
  /** Examples of the block that no step has learned. */
  readonly unlearned?: readonly Example[]
  /** Keys of examples, replayed ones too, that made steps fail: they are forgotten. */
  readonly poison?: readonly ExampleKey[]
  /** The weights began again: how far they are from those before says nothing. */
  readonly hasRestarted?: boolean
  /** The trigger's observation, if it led to an action. */
  readonly alarm?: Alarm
}

/** The state of a trigger between two examples. */
export interface TriggerState {
  readonly [key: string]: Json
  readonly policy: Json
  readonly chance: string
  /** It asked for an update that is not made yet. */
  readonly alarm?: { readonly reason: string; readonly response: Alarm['response'] }
}

/** The state besides weights that changes with an update and that a rollback restores. */
export interface LearnerState extends MemoryState {
  readonly [key: string]: Json
  readonly memory: ReplayBufferState
  /** Absent in a checkpoint from before there were learning-rate schedules. */
  readonly rate?: Json
  readonly rollback: Json
  /** The scores of the live version; present if the rollback policy looks at them. */
  readonly live?: LiveScoresState
  readonly scoreboard: ScoreboardState
  /** Absent if it is not measured. */
  readonly lossGap?: LossGapState
  /** KL of the last update; absent unless answers are texts. */
  readonly kl?: KlReport
  readonly learned: number
  /** The count of learned examples at the last rehearsal of a stream at rest; absent = 0. */
  readonly rehearsed?: number
  readonly steps: number
  readonly dropped: number
}

/** The changes that a retraction made. */
export interface Retraction {
  /** Examples in replay or kNN memory. */
  readonly learnerState: boolean
  readonly weights: boolean
}
