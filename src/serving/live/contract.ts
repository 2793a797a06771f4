/** A served model as the services see it: predict, hold a version, follow a move, report the state. */
import type { Json } from '../../contracts/core.ts'
import type { LanguageModel } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { Lesson, TextSettings } from '../../contracts/text-task.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Manifest, Routing } from '../../versions/contract.ts'
import type { DecodeScheduler } from '../engine/decode-scheduler.ts'
import type { AnsweredInput, PredictionLog, PredictRequest, TrialMark } from './predict.ts'

export interface LiveModel {
  /** Undefined until the first version is loaded. */
  live(): LiveAdapter | undefined
  /** The version that the pointer names and that could not be loaded, while that is so. */
  failedSwap(): FailedSwap | undefined
  /** False when this generation, or a later one, does not answer within `waitMs`; rejects when aborted first. */
  until(
    generation: number,
    limits: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<boolean>
  predict(request: PredictRequest): Promise<Prediction>
  /** The version that a request uses from here on, even if the pointer moves, for an answer of many steps. */
  hold(request: Pick<PredictRequest, 'version' | 'key'>): Promise<HeldVersion>
  /** Resolves when every answer that was given before is handed to the predictions, with that of a shadow. */
  settled(): Promise<void>
  /** Resolves when this pointer, or a later one, answers; rejects if its version cannot be loaded. */
  swap(pointer: Routing): Promise<void>
  /** Loads a version that will be live in a moment, so that its swap is short; a failure shows at the swap. */
  prepare?(version: string): Promise<void>
  /** Proves that a version can answer, from its bytes on disk to the engine, and keeps it warm for a while. */
  prove(version: string): Promise<Manifest>
  /** Follows the registry's pointer no longer, and unloads everything. The batcher has ended before. */
  close(): Promise<void>
}

export interface LiveAdapter {
  readonly manifest: Manifest
  readonly pointer: Routing
}

export interface FailedSwap {
  readonly version: string
  readonly code: string
  readonly message: string
  readonly sinceMs: number
}

export interface Prediction {
  readonly manifest: Manifest
  /** The generation of the pointer that selected the version; undefined if it was requested by name. */
  readonly generation: number | undefined
  /** The canary answered. */
  readonly arm?: 'canary'
  readonly predictions: readonly AnsweredInput[]
}

/** It stays loaded until `release`. */
export interface HeldVersion extends Pick<Prediction, 'manifest' | 'generation' | 'arm'> {
  readonly trial: TrialMark
  /** Counts it: answered, or failed as `error` says. */
  ended(
    request: Pick<PredictRequest, 'inputs' | 'signal'>,
    failed?: { readonly error: unknown },
  ): void
  release(): void
}

/** The parts that a model needs to write texts. */
export interface TextWriting {
  readonly language: LanguageModel
  /** The settings for a request that names none. */
  readonly usual: TextSettings
  readonly scheduler: Pick<DecodeScheduler, 'run' | 'readTokens'>
  readonly predictions: PredictionLog
  readonly predictionId: () => string
  readonly metrics: Pick<Metrics, 'count'>
  /** Says what answers are worth; absent = nothing does. */
  readonly reward?: AnswerRewards | undefined
  /** Stored answers that stand before a prompt; absent = none are stored. */
  readonly lessons?: LessonSearch | undefined
}

/** What a user's program says of answers. */
export interface AnswerRewards {
  /** In the order of the answers, asked at once. Throws `REWARD_FAILED`, and then no answer has a reward. */
  worth(facts: readonly JudgedAnswer[]): Promise<readonly number[]>
}

export interface JudgedAnswer {
  /** As an event has it. */
  readonly input: Json
  readonly answer: string
  /** `length`: it was cut. */
  readonly finish_reason: 'stop' | 'length'
  /** What the request says beside its input, such as the right result. */
  readonly facts: Json
}

/** The lessons of the versions that are loaded. */
export interface LessonSearch {
  /** For each input, what the version with this digest has to say: the same question alone, or the nearest first. */
  near(digest: string, inputs: readonly Input[]): Promise<readonly (readonly NearLesson[])[]>
  /** The nearest lesson comes right before the question. */
  informed(input: Input, nearestFirst: readonly NearLesson[]): Input
}

export interface NearLesson extends Lesson {
  readonly similarity: number
  /** It is of the same question. */
  readonly isSame: boolean
}
