/** What a trainer tells the server about its model. */
import type { AlarmCount, Scores } from '../contracts/policy.ts'
import type { Positions, SourceStatus } from '../contracts/stream.ts'
import type { ServedScore } from '../evaluation/served-scores.ts'
import type { QualityReport } from '../evaluation/contract.ts'
import type { LeaseView } from '../fleet/contract.ts'
import type { Head } from '../contracts/task.ts'

/** How far a trainer is in one source. */
export interface FeedbackProgress {
  /** The positions that are read next. */
  readonly read: Positions
  /**
   * Up to here everything has come that comes by itself: an update that was due is finished and its version promoted,
   * and with a trigger that looks at the clock nothing of it is pending.
   */
  readonly settled: Positions
  /** The live pointer's generation, as the trainer knows it. */
  readonly generation: number
}

/** What a trainer tells the server about a model, at least once a second and after every update. */
export interface TrainerStatus {
  readonly model: string
  /**
   * `standby`: another daemon of the fleet trains this model. `stalled`: its process has not spoken for a while. `paused`: a
   * person told it to learn nothing.
   */
  readonly state:
    'starting' | 'running' | 'idle' | 'paused' | 'failed' | 'stopped' | 'standby' | 'stalled'
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
  }
  readonly prequential: Scores
  /** What its outputs mean, as its task reads it. */
  readonly head: Head
  readonly steps: number
  readonly droppedSteps: number
  readonly tensors: number
  readonly residentBytes: number
  /** What it trains on: `tensorflow` or `wasm`. */
  readonly engine?: string
  /** By the source's name. */
  readonly sources?: Readonly<Record<string, SourceStatus>>
  /** While a backlog is read: records a second, and until it is read if no more came. */
  readonly progress?: { readonly ratePerSecond: number; readonly etaSeconds: number }
  /** It has not read its checkpoint yet: only the state, its code and its message say something. */
  readonly isBlank?: true
  /** How far it is in the feedback that came over HTTP; absent where no source reads that. */
  readonly feedback?: FeedbackProgress
  /** Keys of events that nobody reads, since its process started. */
  readonly unknownKeys?: number
  /** Texts longer than `max_tokens`, since its process started. */
  readonly truncated?: number
  /** Versions whose bytes are kept, after the last update. */
  readonly kept?: { readonly versions: number; readonly bytes: number }
  /** Ids that `limits.seen_events` let go, since the model began. */
  readonly forgottenIds?: number
  /** Examples that answer along with the head. */
  readonly memorised?: number
  /** Retractions that came before their events. */
  readonly retractionsAhead?: number
  /** Of a trigger that detects drift, since the model began. */
  readonly alarms?: AlarmCount
  /** Of the answers that each version has served, the most recently judged first. Reported once a second at most. */
  readonly served?: readonly ServedScore[]
  /** Told once a second at most. */
  readonly quality?: QualityReport
  /** In a fleet: the lease under which it trains, or who holds it while this one stands by. */
  readonly lease?: LeaseView
  /** In a fleet: why the checkpoint could not be copied. Learning goes on; a successor would begin at an older copy. */
  readonly copyFault?: { readonly code: string; readonly message: string }
  readonly updates?: UpdateTimes
}

/** Finished updates since the trainer's process started. */
export interface UpdateTimes {
  readonly count: number
  /** Mean seconds of a step in each of the last updates, oldest first. */
  readonly stepSeconds: readonly number[]
}
