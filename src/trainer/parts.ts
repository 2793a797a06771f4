/** The parts of the trainer of one model. Plain interfaces: only the composition knows the implementations. */
import type { LatentPrecision } from './sources/latents.ts'
import type { AdapterConfig, Embedder, Trainable } from '../contracts/adapter.ts'
import type { Clock, ExampleKey, Logger, Random, Tensors } from '../contracts/core.ts'
import type { Base, BaseIdentity, TrunkEngine } from '../contracts/base.ts'
import type { FewShot, LearningRateSchedule, Replay, Trigger } from '../contracts/policy.ts'
import type { Promotion, Rollback, Rollout } from '../contracts/release.ts'
import type { Sink } from '../contracts/connector.ts'
import type { FeedbackEvent } from '../contracts/event.ts'
import type { Source, SourceRecord } from '../contracts/source.ts'
import type { Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import type { Lease } from '../fleet/contract.ts'
import type { TrainerStatus } from './contract.ts'
import type {
  AfterRollback,
  ForgetRequest,
  Routing,
  Registry,
  Retention,
} from '../versions/contract.ts'
import type { ErasedCounts, ForgetTask } from '../checkpoint/forgetting.ts'
import type { Continuation } from '../adapters/adapter.ts'
import type { Span } from '../platform/tracing/spans.ts'
import type { Predictions } from '../intake/join.ts'
import type { Store } from '../platform/store/store.ts'
import type { SourceReach, AheadLimits } from '../intake/retraction.ts'
import type { DefenceSettings } from '../learner/defence/settings.ts'
import type { TrainPlan } from '../learner/learner-types.ts'
import type { EventLogLimits } from '../checkpoint/event-log/event-rows.ts'
import type { RowCost, GoldenRow } from '../evaluation/gate-rows.ts'
import type { HeldOutLimits } from '../evaluation/held-out.ts'
import type { ServedLimits } from '../evaluation/served-scores.ts'
import type { LossGapLimits } from '../evaluation/loss-gap.ts'
import type { QualityLimits } from '../evaluation/scoreboard.ts'
import type { KnnMemoryParts } from '../learner/memory/knn-memory.ts'
import type { TextMemoryParts } from '../learner/memory/text-memory.ts'
import type { Mutex } from '../platform/store/lock.ts'

export interface LoopParts {
  readonly model: string
  readonly clock: Clock
  readonly log: Logger
  /** A named random stream of this model. */
  readonly random: (stream: string) => Random

  readonly intake: IntakeParts
  readonly encoding: EncodingParts
  readonly task: Task
  readonly adapter: AdapterParts
  readonly policies: LoopPolicies
  readonly comparison?: ComparisonParts
  /** When the gap between the losses of learned and of unseen rows is worth a warning; absent = it is not measured. */
  readonly lossGap?: LossGapLimits
  readonly train: TrainPlan
  /** Absent = the cost of updates is not measured. */
  readonly compute?: ComputeParts
  /** Absent = the head alone answers. */
  readonly knnMemory?: KnnMemoryParts | undefined
  /** Absent = no answers are kept for prompts. */
  readonly textMemory?: TextMemoryParts | undefined
  /** Another model is merged from its versions: where the stream rests, the newest has no example that was taken back. */
  readonly isShard?: boolean

  /** `state.db`, opened with `checkpointMigrations`. Closed by the loop. */
  readonly store: Store
  readonly registry: Registry
  /** Snapshots of the learner in the checkpoint. */
  readonly keepVersions: number
  /** Absent = the newest `keepVersions`. */
  readonly keep?: Retention
  readonly limits: LoopLimits
  /** Against poisoned feedback; absent = none. */
  readonly defence?: DefenceSettings | undefined
  /** Absent = `skip`. */
  readonly afterRollback?: AfterRollback

  /** In a fleet: the time for which this trainer holds the model's lease. */
  readonly leaseTerm?: LeaseTerm
  /**
   * Shared by the models of one process: updates run one at a time, because two concurrent trainings on the same cores are slower
   * than one after the other.
   */
  readonly trainingMutex: Mutex
  /** Where the spans of updates go; absent = updates are not traced. */
  readonly onSpan?: (span: Span) => void
  readonly reports: ReportParts
  /** Closes resources opened for this loop alone; called when it has ended. */
  readonly close?: () => Promise<void>
}

interface ComputeParts {
  /** CPU time of this process since its start. */
  readonly cpuSeconds: () => number
  /** CPU seconds that the updates of an hour may cost; absent = no limit. */
  readonly perHour?: number
}

/** The sources, and the dead letters for events that cannot be learned. */
export interface IntakeParts {
  readonly sources: readonly Source[]
  /**
   * Parses the event in a record; throws a coded error if it is not one. Undefined: another trainer of the model learns it.
   * `connector` is the source's name.
   */
  readonly parse: (record: SourceRecord, connector: string) => FeedbackEvent | undefined
  readonly predictions: Predictions
  /** Absent = any source reaches any other. */
  readonly reaches?: SourceReach
  readonly deadLetters: Sink
  /** Called with the ids of refused events, so that a duplicate check before the trainer accepts them again. */
  readonly letAgain?: (keys: readonly ExampleKey[]) => void
  /** Erases events from the stores that others write: the inbox, predictions, dead letters. Repeating it is harmless. */
  readonly erase?: (what: Erasing) => Promise<Erasure>
  /** Called with forgotten events: sent again, they are duplicates, and nothing of them is stored. */
  readonly refuseAgain?: (keys: readonly ExampleKey[]) => void
  /** Keeps the certificate of a request that is done, and returns its hash. */
  readonly certify?: (task: ForgetTask) => Promise<string>
  /** The source of feedback over HTTP, for the status. */
  readonly feedbackSource?: string
}

interface Erasure {
  readonly counts: ErasedCounts
  /** False: ask again, a store was being read. */
  readonly isComplete: boolean
  /** The predictions that were given answers of such events. */
  readonly quoting: readonly string[]
}

/** What to erase: the request, its time, and the predictions that the events were about. */
interface Erasing {
  readonly asked: ForgetRequest
  readonly atMs: number
  readonly predictions: readonly string[]
  /** Counts what would be removed, and changes nothing. */
  readonly isDryRun?: boolean
}

/** From an input to its latents. */
export interface EncodingParts {
  readonly base: Pick<
    Base,
    'name' | 'hash' | 'settings' | 'encode' | 'offsets' | 'prepare' | 'language' | 'isSmall'
  >
  readonly maxTokens: number
  /** An answer to learn was cut at `maxTokens`; a base reports by itself what it cuts. */
  readonly onCut?: () => void
  readonly trunk: TrunkEngine
  /** Absent = f32. */
  readonly latentPrecision?: LatentPrecision
}

/** The adapter of the config, and how to begin and to train one. */
interface AdapterParts {
  readonly config: AdapterConfig
  /** How to carry over what was learned on another base, if possible. */
  readonly goesOn?: (before: BaseIdentity) => Continuation | undefined
  /** The zero-start adapter, equal whenever it is called (`freshAdapter` with the model's seed). */
  readonly freshParameters: (head: Head) => Tensors
  readonly openTrainable: (start: AdapterStart) => Trainable
  /** Of the parameters of a version with this adapter. */
  readonly openEmbedder: (parameters: Tensors) => Embedder
}

/** Those that the trainer consults; regularizer and kNN memory belong to what they act on. */
interface LoopPolicies {
  readonly replay: Replay
  readonly trigger: Trigger
  readonly rate: LearningRateSchedule
  readonly fewShot?: FewShot
  readonly promotion: Promotion
  readonly rollout: Rollout
  readonly rollback: Rollback
}

/** The rows that a candidate is compared on. */
interface ComparisonParts {
  /** The examples that the promotion policy needs, as rows. */
  readonly golden?: readonly GoldenRow[]
  /** Held candidates in a row after which the learner goes back to the live version; 0 or absent = never. */
  readonly restoreAfterHolds?: number
  /** Bounds what comparing a candidate costs; absent = all rows, always. */
  readonly rowCost?: RowCost
}

/** The reports to the server. */
interface ReportParts {
  readonly onStatus: (status: TrainerStatus) => void
  /** The trainer moved the live pointer. */
  readonly onPointer: (pointer: Routing) => void
  /** This version is published, and will be live when the checkpoint is saved. */
  readonly onComing?: (version: string) => void
  /** The training engine. */
  readonly engine?: string
  /** What decides the last bits of its sums, for a person. */
  readonly arithmetic?: string
  /** Tensors alive on it. */
  readonly tensors?: () => number
  /** Memory of this process. */
  readonly residentBytes?: () => number
  /** Unknown keys of events, which `parse` ignored. */
  readonly unknownKeys?: () => number
  /** Texts that were cut at `maxTokens`. */
  readonly truncated?: () => number
}

/** The parts of a trainer that may lose its model to another daemon. */
export interface LeaseTerm {
  readonly lease: Lease
  /** A checkpoint was saved. Waits only for the first copy: before it exists, no version may be visible. */
  saved(signal: AbortSignal): Promise<void>
  /** Whether the copies of the checkpoint have nothing older than the last save; makes one if needed. */
  isCopied?(): Promise<boolean>
}

export interface AdapterStart {
  readonly head: Head
  readonly parameters: Tensors
}

interface LoopLimits {
  /** Records per read, and records consumed between two checks of the live pointer. */
  readonly records: number
  /**
   * Records consumed and time passed between two checkpoints without an update, whichever comes first; absent = a
   * checkpoint after each `records`. After a crash they are read again; a stop saves immediately, and so does an idle
   * stream, but for `restMs` after the last time: events that come one by one share a checkpoint.
   */
  readonly unsaved?: { readonly records: number; readonly ms: number; readonly restMs?: number }
  /** How long an idle loop waits before it looks at the live pointer again. */
  readonly idleMs: number
  /** Events that wait for their prediction: how many, and for how many accepted events. */
  readonly waitingJoins: number
  readonly waitingEvents: number
  /** How long, by the time of the records, and how large together; absent = no bound. */
  readonly waitingMs?: number
  readonly waitingBytes?: number
  readonly latentBytes: number
  /** The most bytes of the snapshots in the checkpoint; absent = no bound. */
  readonly snapshotBytes?: number
  /** Limit of retractions that arrived before their events. */
  readonly ahead?: AheadLimits
  /** The limits of set-aside events; absent = no limit. */
  readonly setAside?: { readonly events: number; readonly bytes: number }
  /** The limits of the event log; absent = the defaults. */
  readonly eventLog?: EventLogLimits
  /** The limits of the quarantine; absent = no limit. */
  readonly quarantine?: { readonly events: number; readonly bytes: number }
  /** Ids kept for finding duplicates; absent = every one. */
  readonly seenEvents?: number
  /** Which examples nothing trains on, and how many of them are kept; absent = none. */
  readonly heldOut?: HeldOutLimits
  /** Absent = the defaults. */
  readonly served?: ServedLimits
  /** Absent = the defaults. */
  readonly quality?: QualityLimits
}
