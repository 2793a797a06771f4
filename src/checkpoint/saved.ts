/** The content of a trainer's checkpoint, and what a save adds to it. */
import type { ExampleKey, Json } from '../contracts/core.ts'
import type { RolloutState } from '../evaluation/trial.ts'
import type { ComputeState } from '../evaluation/compute-ledger.ts'
import type { RowHistoryState } from '../evaluation/row-history.ts'
import type { ReleaseBar } from '../evaluation/release-decisions.ts'
import type { TrainableState } from '../contracts/adapter.ts'
import type { Positions } from '../contracts/source.ts'
import type { Example, RememberedExample } from '../contracts/example.ts'
import type { MoveRequest, Mover } from '../versions/contract.ts'
import type { IdRun, VersionLine } from '../intake/dedupe/dedupe.ts'
import type { WaitingEvent, ReceivedRecord } from '../intake/join.ts'
import type { DefenceState } from '../learner/defence/defence.ts'
import type { RatersState } from '../learner/defence/raters.ts'
import type { LearnerState, TriggerState } from '../learner/learner-types.ts'
import type { MemorisedItem } from '../learner/memory/example-memory.ts'
import type { ServedChange, ServedState } from '../evaluation/served-scores.ts'
import type { Meant, AheadState } from '../intake/retraction.ts'
import type { ForgettingState } from './forgetting.ts'
import type { Journals } from './journals.ts'
import type { SetAsideEntry } from './set-aside-events.ts'
import type { LoadedLog, LogChange } from './event-log/contract.ts'

/** An example that waits, and the span that sent its event (W3C Trace Context). */
export type TracedKey = readonly [key: ExampleKey, traceparent: string]

/** By source. */
export type AllPositions = Readonly<Record<string, Positions>>

/** The base, task and adapter that the state was made for. */
export interface Identity {
  readonly [key: string]: string
  /** The base's hash. */
  readonly base: string
  /** The definition of the base; empty if it has none, absent in an older checkpoint. */
  readonly settings?: string
  readonly task: string
  /** The adapter's config as JSON: a different one starts a fresh adapter. */
  readonly adapter: string
}

/**
 * How late a checkpoint is, over all daemons: the later one has the higher epoch, then the higher sequence. The epoch is
 * that of the lease under which it was saved; without leases it stays 0.
 */
export interface Stamp {
  readonly epoch: number
  readonly sequence: number
}

/** Before the first checkpoint. */
export const noStamp: Stamp = { epoch: 0, sequence: 0 }

export function isLater(one: Stamp, other: Stamp): boolean {
  return one.epoch === other.epoch ? one.sequence > other.sequence : one.epoch > other.epoch
}

/** A move of the live pointer that the checkpoint has decided on; done after it, and again after a crash. */
export interface Move {
  readonly version: string
  readonly reason: string
  readonly by: Mover
  readonly canary?: { readonly version: string; readonly share: number }
  readonly shadow?: string
  readonly asks?: MoveRequest
}

/** The version that is live at this point of the line, and the previous live one of this line. */
export interface AnsweringVersions {
  readonly version: string
  readonly previous: string | null
}

/** The small state that changes with almost every event. */
export interface Progress {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: number
  /** Waiting events were tried again up to this count of accepted events. */
  readonly triedAgain: number
  /** Totals over all lines of versions; a rollback takes none of them back. */
  readonly learned: number
  readonly steps: number
  readonly dropped: number
  /** The number of the next version. */
  readonly next: number
  /** The version that the weights come from. */
  readonly parent: string | null
  /** Moves of the pointer up to this generation are known here. */
  readonly generation: number
  readonly intended: readonly Move[]
  /** Apart from the registry's, which a predecessor may have moved to versions that are not of this line. */
  readonly live: AnsweringVersions | null
  /** Null in a checkpoint from before it had a separate random stream. */
  readonly trigger: TriggerState | null
  /** The source that is read next. */
  readonly turn: number
  /** The newest time of a record that was read; absent in a checkpoint of an earlier release. */
  readonly newestMs?: number
  /** `retired` of the task when this line last published a version because of it. */
  readonly retired: Json
  /** An update that the clock has started at these positions and that is not finished: it is made again after a crash. */
  readonly cut?: string | undefined
  /** Steps on kept examples that a rest of the stream has started at these positions, likewise. */
  readonly rehearsal?: number | undefined
  /** The examples that the next update takes, because they waited when the last one began; absent = as the trigger says. */
  readonly block?: number | undefined
  /** Absent in a checkpoint from before there were any. */
  readonly barrier?: Barrier | null
  /** A person paused learning. */
  readonly paused?: boolean
  /** Which of the seen ids the present versions have learned, or will. */
  readonly line?: VersionLine
  /** The place of the next event that is set aside. */
  readonly setAsideNext?: number
  /** Candidates in a row that were held because of their scores; absent = none. */
  readonly holds?: number
  /** The task's headline at the version that the weights come from; null or absent = unknown. */
  readonly scored?: number | null
  /** Its name, where it is not the score. */
  readonly scoredAs?: string | undefined
  /** The scores that a version of a fresh adapter must reach before it becomes live; null or absent = none. */
  readonly bar?: ReleaseBar | null
  /** The version on trial, and the one that waits for its trial; null or absent = none. */
  readonly rollout?: RolloutState | null
  /** The defence's knowledge of the sources; absent without a defence. */
  readonly defence?: DefenceState
  /** How each rater rates; absent where nothing was rated. */
  readonly raters?: RatersState
  /** What computed the newest steps, down to the last bits of its sums; absent = unknown. */
  readonly arithmetic?: string
  /** CPU seconds of the updates; absent if none were measured. */
  readonly compute?: ComputeState
  /** Positions at the last update: the start of the next version's span. */
  readonly spanFrom: AllPositions
  /** Lines whose replay another version was continued with; absent = none. */
  readonly rehearsed?: readonly RehearsedLine[]
}

/** The learner went to `version`, or began a fresh adapter, and kept the replay of the line of `of`. */
export interface RehearsedLine {
  /** Absent: a fresh adapter, whose first version has the number `since`. */
  readonly version?: string
  readonly of: string
  /** The number in the event log of the first version that may have learned from it. */
  readonly since: number
}

export interface LearnerSnapshot {
  readonly weights: TrainableState
  readonly learnerState: LearnerState
  readonly remembered: readonly RememberedExample[]
  /** The items of kNN memory; absent if there is none. */
  readonly memorised?: readonly MemorisedItem[] | undefined
  /** For a version: which of the seen ids it has learned. Absent in a checkpoint from before there were lines. */
  readonly line?: VersionLine
  /** For a version: the trigger as it was then. Absent in a checkpoint from before it was kept. */
  readonly trigger?: TriggerState
}

export interface SavedState extends LearnerSnapshot {
  readonly identity: Identity
  readonly stamp: Stamp
  readonly progress: Progress
  readonly positions: AllPositions
  /** The journals that the positions point into; absent in older checkpoints. */
  readonly journals?: Journals
  readonly pending: readonly Example[]
  /** The traces of pending examples; absent if nothing is traced. */
  readonly traces?: readonly TracedKey[]
  readonly waiting: readonly WaitingEvent[]
  readonly setAside: readonly SetAsideEntry[]
  /** How good the answers were that each version has served; absent in a checkpoint of before they were kept. */
  readonly served?: ServedState
  /** Examples that nothing trains on; absent if none are held out. */
  readonly heldOut?: readonly Example[]
  /** The event log; absent in older checkpoints. */
  readonly log?: LoadedLog
  /** Rewrites each example of the log, in this order, because the base or the names of outputs have changed. */
  readonly rewrites?: readonly ((example: Example) => Example)[]
  /** Retractions that arrived before their events; absent in a checkpoint from before they were stored. */
  readonly ahead?: AheadState
  /** Requests to forget; absent if there were none. */
  readonly forgetting?: ForgettingState
  /** How versions answered the rows on which they are compared; absent if no policy compares any. */
  readonly compared?: RowHistoryState
}

export interface Change extends Omit<SavedState, 'served' | 'log' | 'rewrites' | 'pending'> {
  readonly log?: LogChange
  /** Scores of served answers that are others than at the last save. */
  readonly served?: ServedChange
  /** Ids taken since the last save. */
  readonly seen: IdRun
  /** Keys to be forgotten everywhere, snapshots included. */
  readonly retracted: RetractedKeys
  /** The version that weights and learner state are from now on kept for, and which of the seen ids it has learned. */
  readonly snapshot?: {
    readonly version: string
    readonly line: VersionLine
    readonly trigger?: TriggerState
  }
  /** Versions that lose their snapshots, because they have learned what is to be forgotten. */
  readonly retired?: readonly string[]
  /** Versions that keep their snapshots, regardless of age. */
  readonly protected: readonly string[]
}

export interface CheckpointLimits {
  /** Number of snapshots kept for rollbacks, besides the protected ones. */
  readonly snapshots: number
  /** The most bytes of weights, optimizer and learner state in all snapshots together; absent = no bound. */
  readonly snapshotBytes?: number
  /** Ids kept for finding duplicates; absent = every one. */
  readonly seen?: number
}

/** Examples that were taken back. By a prediction also those that only the state of an older version remembers. */
export interface RetractedKeys {
  readonly keys: readonly ExampleKey[]
  readonly predictions: readonly string[]
  /** Other matches, by id or source. */
  readonly meant?: readonly Meant[]
}

/**
 * Which records already existed at a rollback: they are set aside unread. Decided by the transport's time of a record,
 * which is the same after a restart and for every partition; for a record without one, by the number of records that
 * its source had when the trainer followed the rollback. Part of the checkpoint.
 */
export interface Barrier {
  /** When the live pointer was moved. */
  readonly untilMs: number
  /** Source → records that it had then and that are not read yet. */
  readonly left: Readonly<Record<string, number>>
  /** The version gone back to; absent in a checkpoint of an earlier release. */
  readonly goneTo?: string
}

export function isBefore({ connector, record }: ReceivedRecord, barrier: Barrier): boolean {
  const { timeMs } = record
  return timeMs === undefined ? (barrier.left[connector] ?? 0) > 0 : timeMs <= barrier.untilMs
}

/** The barrier after a record was read. */
export function behind({ connector }: ReceivedRecord, barrier: Barrier): Barrier {
  const left = barrier.left[connector] ?? 0
  if (left === 0) return barrier
  return { ...barrier, left: { ...barrier.left, [connector]: left - 1 } }
}

/**
 * A checkpoint with each of its examples changed in one way, wherever it is kept. Other versions have answered the examples
 * as they were.
 */
export function withExamples(
  { compared: _compared, ...saved }: SavedState,
  change: <Row extends Example>(row: Row) => Row,
): SavedState {
  const aside = (entry: SetAsideEntry): SetAsideEntry =>
    entry.what.kind === 'event'
      ? entry
      : { ...entry, what: { kind: 'example', example: change(entry.what.example) } }
  return {
    ...saved,
    pending: saved.pending.map(change),
    ...(saved.heldOut && { heldOut: saved.heldOut.map(change) }),
    remembered: saved.remembered.map(change),
    setAside: saved.setAside.map(aside),
    rewrites: [...(saved.rewrites ?? []), change],
  }
}
