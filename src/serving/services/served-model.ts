/** The server's view of a model: the parts that its routes use, each behind the smallest interface. */
import type { CodedError, Json, Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { RolloutExpiry } from '../../contracts/release.ts'
import type { AskModel, TrainerStatus } from '../../trainer/contract.ts'
import type { Registry } from '../../versions/contract.ts'
import type { DeadLetterPages } from '../../intake/dead-letters/dead-letters.ts'
import type { ForgetPages } from '../../checkpoint/certificates.ts'
import type { SetAsidePages } from '../../checkpoint/set-aside-pages.ts'
import type { Task } from '../../contracts/task.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { FeedbackService } from './feedback/feedback-service.ts'
import type { ReceiptOptions } from './feedback/receipts.ts'
import type { Batcher } from '../engine/batcher.ts'
import type { LiveModel, TextWriting } from '../live/contract.ts'
import type { PredictionLog } from '../live/predict.ts'
import type { EmbeddingOptions } from './embedding-service.ts'
import type { Position } from './feedback/feedback-progress.ts'

export interface ServedModel {
  readonly name: string
  readonly base: Pick<Base, 'name' | 'reads' | 'language'>
  /** The adapter method of the config; versions in the registry may have been made by another. */
  readonly method: string
  readonly live: LiveModel
  /** The task, opened with the settings of the model. */
  readonly task: Task
  /** Computes answers to rows; absent if this daemon does not answer for the model. */
  readonly answering?: RowAnswering
  /** Present if its answers are texts that are written token by token. */
  readonly texts?: TextWriting
  /** Present if its answers are orders of candidates. */
  readonly ranking?: RankingParts
  /** On a base of text. */
  readonly embeddings?: Pick<EmbeddingOptions, 'engine' | 'base' | 'maxTokens'>
  readonly registry: Registry
  readonly feedback: FeedbackService
  /** For /docs: an input that it reads, and what an event may say of it. */
  readonly example?: { readonly input: Json; readonly says: Fields }
  readonly deadLetters: DeadLetterPages
  /** Reads the checkpoint on this disk; absent if there is none. */
  readonly setAside?: SetAsidePages
  /** Requests to forget; absent if there is no checkpoint. */
  readonly forgets?: ForgetPages
  /** How receipts are looked up; absent = there are none. */
  readonly receipts?: ReceiptOptions
  /** When the rollout policy of the config ends a trial by the clock; absent = never. */
  readonly trialExpiry?: RolloutExpiry | undefined
  /** When pending feedback is learned, if a count determines it. */
  readonly trigger?: TriggerHint
  /** Entries removed by limits since the model was created: ids of the inbox, dead letters. */
  forgotten?(): { readonly ids: number; readonly deadLetters: number }
  /** Dead letters that were written here since the model was created, by code: those of its trainer too. */
  letterCounts?(): Readonly<Record<string, number>>
  /** Size of its stores on this disk, by name; looked at with each scrape. */
  storeBytes?(): Readonly<Record<string, number>>
  /** The problems of its parts here; the trainer and the live version report their own. */
  faults?(): readonly Fault[]
  /** How the live version has answered here, where a policy watches it. */
  answers?(): WatchedAnswers | undefined
  /** Rows that wait for the engine now. */
  waitingRows(): number
}

/** What a model needs to rank. */
export interface RankingParts {
  readonly predictions: PredictionLog
  readonly predictionId: () => string
  /** Of the model: mixed with the seed of each draw, which a client may choose. */
  readonly secret: string
  readonly log: Pick<Logger, 'warn'>
}

/** Requests to the version that is live, since it answers here. */
export interface WatchedAnswers {
  readonly version: string
  readonly count: number
  readonly failed: number
}

/** `model`: it does not answer at all. `live`: an older version answers. The others are parts that answers do not need. */
export type FaultyPart =
  'model' | 'live' | 'inbox' | 'dead_letters' | 'data_dir' | 'source' | 'copy'

export interface Fault {
  readonly part: FaultyPart
  readonly error: Pick<CodedError, 'code' | 'message'>
}

/** What computes the answers of a model to rows. */
export interface RowAnswering {
  readonly base: Pick<Base, 'encode' | 'offsets' | 'prepare' | 'reads' | 'language'>
  readonly maxTokens: number
  readonly batcher: Pick<Batcher, 'run'>
}

export interface TriggerHint {
  /** Pending events that start an update. */
  readonly every: number
  /** A rest of the stream after which fewer do; 0 = none does. */
  readonly restMs: number
}

/** The trainers' reports: read at each GET and scrape, answered from memory. */
export interface TrainerView {
  status(model: string): TrainerReport
  /** Events that wait for an update, read or not; undefined if `pending` and `lag` are all that is known. */
  unlearned?(model: string): number | undefined
  /** Absent if no trainer runs here. Throws `TRAINER_BUSY`, and the errors of the call. */
  readonly ask?: AskModel
  /**
   * The first generation with answers that include everything up to a position; undefined while the trainer has not reached
   * it. Throws `REQUEST_INVALID` for one beyond the end of the inbox.
   */
  reached?(model: string, position: Position): number | undefined
  /** Calls back at each report of a trainer of this daemon, with its model; returns how to stop. */
  onReport?(callback: (model: string) => void): () => void
}

export interface TrainerReport extends TrainerStatus {
  readonly pid?: number
  /** Times that its process ended and was started again. */
  readonly restarts: number
}
