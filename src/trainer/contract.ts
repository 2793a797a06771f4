/** The trainer's report to the server about its model. */
import type { AlarmCount } from '../contracts/policy.ts'
import type { KlReport, LossGapReport, Scores } from '../contracts/release.ts'
import type { Json } from '../contracts/core.ts'
import type { Positions, SourceStatus } from '../contracts/source.ts'
import type { Trial } from '../evaluation/trial.ts'
import type { ServedScore } from '../evaluation/served-scores.ts'
import type { DefenceReport, QualityReport } from '../evaluation/contract.ts'
import type { EventCounts } from '../checkpoint/event-log/states.ts'
import type { LeaseView } from '../fleet/contract.ts'
import type { Input } from '../contracts/event.ts'
import type { Head } from '../contracts/example.ts'
import type { ForgetRequest } from '../versions/contract.ts'
import type { ErasedCounts } from '../checkpoint/forgetting.ts'

/** What a server asks a trainer, which answers between two of its turns: of each call the question and the answer, as plain JSON. */
export interface TrainerCalls {
  /** What a request to forget would do. */
  readonly forecast: { readonly asked: ForgetRequest; readonly found: ForgetForecast }
  /** What each source is worth. */
  readonly worth: { readonly asked: null; readonly found: WorthReport }
  /** The outputs of the live version without what a source has taught. */
  readonly without: { readonly asked: WithoutQuestion; readonly found: WithoutAnswer }
  /** The examples of a version that are nearest to inputs. */
  readonly nearest: { readonly asked: NearestQuestion; readonly found: NearestAnswer }
}

/** Throws `TRAINER_BUSY`, and the errors of the call. */
export type AskModel = <Call extends keyof TrainerCalls>(
  model: string,
  call: Call,
  asked: TrainerCalls[Call]['asked'],
) => Promise<TrainerCalls[Call]['found']>

/** What a request to forget would do. */
export interface ForgetForecast {
  /** Counts by place, as in a certificate. */
  readonly counts: ErasedCounts
  /** Nothing has learned from them: no version changes. */
  readonly isUnlearned: boolean
  /** The version that the rest would be learned again from; absent: a fresh adapter. */
  readonly from?: string
  /** Its optimizer and replay are in the checkpoint; otherwise they begin empty. */
  readonly hasState: boolean
  readonly again: number
  /** Examples to subtract from exact sums, so that nothing is learned again; absent: the rest is. */
  readonly subtracted?: number
  readonly retiring: readonly string[]
  /** Of these, the ones that are pinned; absent from an earlier release. */
  readonly unpinning?: readonly string[]
  /** The version that answers until the rest is learned again; absent: a new one, without what is forgotten. */
  readonly meanwhile?: string
  /** Events that have fallen out of the event log and that would not be learned again. */
  readonly lost: number
}

export interface WorthReport {
  readonly version: string
  /** Of its sums. */
  readonly digest: string
  readonly examples: number
  readonly from: 'golden' | 'held-out'
  readonly rows: number
  /** By the sum of agreement and worth, the worst last. */
  readonly sources: readonly SourceWorth[]
}

export interface SourceWorth {
  /** Absent: all the smaller ones together. */
  readonly source?: string
  readonly examples: number
  /** Of the sums without it. */
  readonly digest: string
  /** Rows that it did not bring; both scores are of these. */
  readonly rows: number
  readonly with: RowScores
  readonly without: RowScores
  /** How often the model without it answers what it said; absent: no other source has taught its labels. */
  readonly agreement?: number
}

interface RowScores {
  readonly accuracy: number
  readonly loss: number
}

export interface WithoutQuestion {
  readonly source: string
  readonly inputs: readonly Input[]
  /** The live version and the digest of its sums. */
  readonly version: string
  readonly digest: string
}

export interface WithoutAnswer {
  /** Of the sums that are left. */
  readonly digest: string
  readonly logits: readonly (readonly number[])[]
}

export interface NearestQuestion {
  readonly version: string
  readonly inputs: readonly Input[]
  /** How many for each input. */
  readonly most: number
}

export interface NearestAnswer {
  /** For each input, the nearest first. */
  readonly nearest: readonly (readonly NearExample[])[]
}

/** An example that a version has learned: never its input. */
export interface NearExample {
  readonly source: string
  readonly id: string
  readonly timeMs?: number
  /** The cosine. */
  readonly similarity: number
  /** What it taught, as the task shows it. */
  readonly target: Readonly<Record<string, Json>>
}

/** The progress of a trainer in one source. */
export interface FeedbackProgress {
  /** The positions that are read next. */
  readonly read: Positions
  /**
   * Everything up to here is settled: an update that was due is finished and its version promoted, and with a trigger
   * that uses the clock none of it is pending.
   */
  readonly settled: Positions
  /** The live pointer's generation, as the trainer knows it. */
  readonly generation: number
}

/** The trainer's report to the server about a model, at least once a second and after every update. */
export interface TrainerStatus {
  readonly model: string
  /**
   * `standby`: another daemon of the fleet trains this model. `stalled`: its process has been silent for a while, in a
   * step for ten times as long as the longest step so far.
   * `paused`: a person paused learning. `budget`: the next update waits because those of the last hour have cost too much.
   */
  readonly state:
    | 'starting'
    | 'running'
    | 'idle'
    | 'paused'
    | 'budget'
    | 'failed'
    | 'stopped'
    | 'standby'
    | 'stalled'
  /** While an update is under way: its step, of about how many, and for how long that has been made. */
  readonly learning?: { readonly step: number; readonly of: number; readonly seconds?: number }
  readonly code?: string
  readonly message?: string
  readonly lag: number
  readonly pending: number
  readonly counts: {
    readonly accepted: number
    readonly duplicates: number
    readonly learned: number
    readonly rejected: number
    readonly waiting: number
    /** Accepted before a rollback, and not learned unless a person asks. */
    readonly set_aside?: number
    /** Kept back by the defence; absent if there is none. */
    readonly quarantined?: number
    /** Came before anything was learned that could answer: in no score; absent = none. */
    readonly unanswered?: number
    /** Kept for comparing versions and never learned; absent if nothing is held out. */
    readonly held_out?: number
  }
  /** Absent if nothing defends the model. */
  readonly defence?: DefenceReport
  /** What became of the events that were read; each event counts once. */
  readonly events?: {
    readonly states: EventCounts
    /** Rows of the event log. */
    readonly rows: number
    readonly bytes: number
  }
  readonly prequential: Scores
  /** How the live version answers examples that nothing trains on; absent if none is held out and answered. */
  readonly heldOut?: HeldOutScores
  /** The meaning of its outputs, for its task to read. */
  readonly head: Head
  readonly steps: number
  readonly droppedSteps: number
  readonly tensors: number
  readonly residentBytes: number
  /** Bytes of the plain engine in its process, at most `limits.kernel_memory_bytes`. */
  readonly kernelBytes?: number
  /** Activations kept for replay, `limits.latent_bytes` at most. */
  readonly latentBytes?: number
  /** The training engine: `tensorflow`, `wasm`, or `javascript` for a model that needs neither. */
  readonly engine?: string
  /** By the source's name. */
  readonly sources?: Readonly<Record<string, SourceStatus>>
  /** While a backlog is read: records a second, and seconds until it is read if no more arrive. */
  readonly progress?: { readonly ratePerSecond: number; readonly etaSeconds: number }
  /** The checkpoint is not read yet: only the state, its code and its message mean something. */
  readonly isBlank?: true
  /** The progress in the feedback over HTTP; absent if no source reads it. */
  readonly feedback?: FeedbackProgress
  /** Unknown keys of events, since its process started. */
  readonly unknownKeys?: number
  /** Texts longer than `max_tokens`, since its process started. */
  readonly truncated?: number
  /** Versions with stored bytes, after the last update. */
  readonly kept?: { readonly versions: number; readonly bytes: number }
  /** Ids removed because of `limits.seen_events`, since the model was created. */
  readonly forgottenIds?: number
  /** Examples that answer along with the head. */
  readonly memorised?: number
  /** The weight of each expert of a mixture; absent without a mixture. */
  readonly expertWeights?: Readonly<Record<string, number>>
  /** Retractions that arrived before their events. */
  readonly retractionsAhead?: number
  /** The alarms of a trigger that detects drift, since the model began. */
  readonly alarms?: AlarmCount
  /**
   * The scores of the answers that each version has served, the most recently judged first. Reported at most once a
   * second.
   */
  readonly served?: readonly ServedScore[]
  /** Absent if no version is on trial. */
  readonly trial?: Omit<Trial, 'due' | 'isGraded'> & {
    /** The version that goes on trial next. */
    readonly waiting?: string
  }
  /** Requests to forget that are not done; absent in the report of an older daemon. */
  readonly forgetting?: { readonly asked: number; readonly rebuilding: number }
  /** Reported at most once a second. */
  readonly quality?: QualityReport
  /** In a fleet: the lease under which it trains, or the holder while this one is on standby. */
  readonly lease?: LeaseView
  /**
   * In a fleet: why the checkpoint could not be copied. Learning continues; a successor would start from an older copy.
   */
  readonly copyFault?: { readonly code: string; readonly message: string }
  readonly updates?: UpdateTimes
  readonly compute?: ComputeReport
  /** After the last update; absent if it is not measured. */
  readonly lossGap?: LossGapReport
  /** The same; absent if answers are no texts. */
  readonly kl?: KlReport
}

/** `count`: rows; the newest answer of a live version to each. */
export type HeldOutScores = Pick<Scores, 'count' | 'accuracy' | 'loss'>

/** CPU seconds of the updates of a model since it was created. */
export interface ComputeReport {
  readonly training: number
  readonly evaluation: number
  readonly lastHour: number
  /** The budget. */
  readonly perHour?: number
  /** While it is spent: when it has room again. */
  readonly roomAtMs?: number
}

/** Finished updates since the trainer's process started. */
export interface UpdateTimes {
  readonly count: number
  /** Mean seconds of a step in each of the last updates, oldest first. */
  readonly stepSeconds: readonly number[]
  /** Updates that ended before all of their passes, because held-out rows got worse. */
  readonly earlyStops?: number
  /** Updates that went further than the defence lets one version go. */
  readonly scaledBack?: number
  /** How often each promotion policy gave each verdict. */
  readonly verdicts?: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** The status of a model before its trainer has reported. */
export function unknownStatus(model: string): TrainerStatus {
  return {
    model,
    state: 'starting',
    lag: 0,
    pending: 0,
    counts: { accepted: 0, duplicates: 0, learned: 0, rejected: 0, waiting: 0 },
    prequential: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    isBlank: true,
    head: [],
    steps: 0,
    droppedSteps: 0,
    tensors: 0,
    residentBytes: 0,
  }
}

/** In a daemon of the role `server`. */
export function answeringOnly(model: string): TrainerStatus {
  const message = 'this daemon only answers; another one trains'
  return { ...unknownStatus(model), state: 'standby', message }
}
