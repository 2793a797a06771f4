/** Versions of one model, the pointer to the live one, and the registry that keeps both. */
import type { AdapterConfig, SumsReport } from '../contracts/adapter.ts'
import type { Json, Tensors } from '../contracts/core.ts'
import type { BaseIdentity } from '../contracts/base.ts'
import type {
  KlReport,
  LossGapReport,
  OffPolicyFacts,
  Scores,
  SliceGap,
  Verdict,
} from '../contracts/release.ts'
import type { TaskFacts } from '../contracts/example.ts'

/** The size of a version's memory: `slots` is how many its tensors have room for, the head's own among them. */
export interface MemoryShape {
  readonly slots: number
  readonly items: number
  /** Its examples are one of several experts that answer. */
  readonly mixture?: true
  /** Room for the leaves of its forest. */
  readonly leaves?: number
  /** Inputs are compared by the mean of the trunk's output; absent = by the base's embedding. */
  readonly at_cut?: true
  /** They are texts, and stand before a prompt: how many numbers hold them. */
  readonly texts?: number
}

/** `manifest.json` of a version. `digest` covers everything but `created`, `compute` and `trace`, which no two runs have in common. */
export interface Manifest {
  readonly format: 1
  readonly model: string
  readonly version: string
  readonly digest: string
  readonly parent: string | null
  readonly base: BaseIdentity
  readonly task: string
  /** The task's part; in the file these are fields like the others. */
  readonly facts: TaskFacts
  /** As recorded: `recordedConfig`. */
  readonly adapter: AdapterConfig
  /** Kept examples that answer along with the head; absent = none. */
  readonly memory?: MemoryShape
  /** source name → partition → [from, to): the events learned since its parent. */
  readonly span: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>
  /** Examples learned in this line so far, and in this version. */
  readonly events: number
  readonly events_new: number
  readonly steps: number
  readonly scores: Scores
  /** The task's headline when it was made, where that is not the score; absent = it had none yet. */
  readonly headline?: { readonly name: string; readonly value: number }
  readonly decision: string
  readonly reason: string
  /** The new events by source and by stratum, the largest counts first, at most twenty of each; absent if none is new. */
  readonly learned_from?: LearnedFrom
  /** The verdict of each promotion policy that was asked; absent if none was. */
  readonly verdicts?: readonly Verdict[]
  /** CPU time of its update, and the part of it that was evaluation; absent = not measured. */
  readonly compute?: { readonly cpu_seconds: number; readonly evaluation_cpu_seconds: number }
  /** The trace of its publication; absent = it was not traced. */
  readonly trace?: VersionTrace
  /** Between rows that the last updates trained on and unseen ones; absent if it is not measured. */
  readonly loss_gap?: LossGapReport
  /** The gap on recent examples before it; absent if fewer than two slices have enough. */
  readonly slice_gap?: SliceGap
  /** How far its texts are from those of the base; absent if answers are no texts. */
  readonly kl?: KlReport
  /** What it would have earned on held-out rewards, beside the version that was live; absent if it ranks nothing, or nothing is held out. */
  readonly off_policy?: OffPolicyFacts
  /** The exact sums that its head was solved from; absent if it has none. */
  readonly sums?: SumsReport
  /** Of a model with shards: the version of each that it was merged from. */
  readonly shards?: readonly ShardVersion[]
  /** `LanguageModel.template` of its base when it was made; absent if the base is no language model. */
  readonly chat_template?: string
  /** sha256 by file name. */
  readonly files: Readonly<Record<string, string>>
  readonly created: string
}

/** What one shard has learned: [from, to) of each partition, since it began. */
export interface ShardVersion extends RoutedVersion {
  readonly model: string
  readonly span: Manifest['span']
}

export interface VersionTrace {
  /** The span that published it (W3C Trace Context): what serves it goes on below it. */
  readonly traceparent: string
  /** Spans that sent the events that it has learned, of the first events, each once; at most 32. */
  readonly links: readonly string[]
}

export interface LearnedFrom {
  readonly sources: readonly { readonly source: string; readonly count: number }[]
  readonly strata: readonly { readonly stratum: string; readonly count: number }[]
}

export interface Version {
  readonly manifest: Manifest
  readonly parameters: Tensors
}

/** The publisher's part of a version. The registry seals it: it adds format, digest, files and date. */
export type ManifestDraft = Omit<Manifest, 'format' | 'digest' | 'files' | 'created'>

export interface VersionDraft {
  readonly manifest: ManifestDraft
  readonly parameters: Tensors
}

/**
 * Which versions keep their bytes: the newest `last`, and the newest of each of the last `hourly` hours and `daily` days that
 * have one. `bytes` bounds them together.
 */
export interface Retention {
  readonly last: number
  readonly hourly?: number
  readonly daily?: number
  readonly bytes?: number
}

/** The versions that `keep` removed, and what is left. */
export interface KeepResult {
  readonly removed: readonly string[]
  readonly versions: number
  readonly bytes: number
}

/** An entry of a list; `removed`: its bytes were removed, its manifest was not. */
export interface ListedVersion {
  readonly manifest: Manifest
  readonly removed: boolean
}

/** A version by name and content. */
export interface RoutedVersion {
  readonly version: string
  readonly digest: string
}

/**
 * `rollback`, `promote`, `canary` and `shadow` are a person's; `policy` is the trainer's own rollback, or its end of a
 * trial; with `asks.follow` it is a server's.
 */
export type Mover =
  | 'trainer'
  | 'rollback'
  | 'promote'
  | 'start'
  | 'policy'
  | 'pause'
  | 'resume'
  | 'relearn'
  | 'discard'
  | 'forget'
  | 'canary'
  | 'shadow'

/**
 * Which versions answer: `live` all requests but the `share` (between 0 and 1) that goes to `canary`; `shadow` is computed
 * and compared, and never returned. Each move names all of them. `generation` rises by one at each move; the
 * compare-and-set compares it.
 */
export interface Routing {
  readonly live: RoutedVersion
  readonly canary?: RoutedVersion & { readonly share: number }
  readonly shadow?: RoutedVersion
  readonly generation: number
  readonly sinceMs: number
  /** The version that was live before this one. */
  readonly previous: string | null
  readonly reason: string
  readonly by: Mover
  /** What the move asks of the trainer besides the version; `pause` and similar commands keep the version. */
  readonly asks?: MoveRequest
  /** The name of the key of the person who made the move, if the daemon has keys. */
  readonly actor?: string
  /** The hashes of this move and of the one before it, see `chain.ts`; absent in moves of releases without hashes. */
  readonly hash?: string
  readonly prior?: string
}

/** A move of the routing, as requested by a caller. */
export interface RoutingMove {
  /** The version that becomes live. */
  readonly version: string
  /** Absent = no version gets a share of the requests. */
  readonly canary?: { readonly version: string; readonly share: number } | undefined
  /** Absent = no version is compared. */
  readonly shadow?: string | undefined
  /** The generation that the caller has seen; 0 when nothing was live. */
  readonly expect: number
  readonly reason: string
  readonly by: Mover
  readonly asks?: MoveRequest | undefined
  readonly actor?: string | undefined
}

/**
 * Commands to the trainer travel as moves of the pointer: it is durable, fenced, reaches whichever daemon trains the
 * model, and is read before any record, even if there are none.
 */
export interface MoveRequest {
  /** For a rollback: stop learning until someone resumes. */
  readonly hold?: boolean
  /** For a rollback, in place of `after_rollback` of the config. To hold is written as `hold`. */
  readonly then?: Exclude<AfterRollback, 'hold'>
  /** For `relearn` and `discard`: which set-aside events. */
  readonly selection?: Selection
  /** For `forget`: which events, and the number of the request. */
  readonly forget?: ForgetRequest
  /** For the move that ends a request to forget: the hash of its certificate. */
  readonly certificate?: { readonly request: string; readonly hash: string }
  /** For a policy's rollback or a step of a rollout: the count of accepted events at which it was decided. */
  readonly place?: number
  /** For a move of a shard: the generation of the move of its model that it repeats. */
  readonly repeats?: number
  /** For a policy's rollback: a server has decided it, and the trainer follows it as it follows a person's. */
  readonly follow?: true
}

/**
 * What becomes of the events that the version gone back to has not learned: `continue` learns them again in their order,
 * `skip` sets them aside, `hold` also stops learning until someone resumes.
 */
export type AfterRollback = 'continue' | 'skip' | 'hold'

/** Which events are to be forgotten: those that all of its fields describe. At least one of them is there. */
export interface ForgetRequest {
  /** Names the request and its certificate. */
  readonly request: string
  readonly source?: string
  readonly id?: string
  /** Events with an earlier time. */
  readonly beforeMs?: number
  /** Answer with the versions of before until the others are rebuilt. */
  readonly keepServing?: boolean
}

/** Selects events by source, time, and the task's own fields; an absent field selects all. */
export interface Selection {
  readonly [field: string]: Json | undefined
  readonly source?: string
  readonly sinceMs?: number
  readonly id?: string
  /** Those in quarantine; absent = those that rollbacks have set aside. */
  readonly quarantined?: boolean
  /** A version: only what a rollback to it, or to a later one, has set aside. */
  readonly from?: string
}

/**
 * Versions of one model and the pointer to the live one. Used by the trainer (publish, point) and by every server
 * (load, watch, point). `publish` is all-or-nothing and idempotent: the same digest again is a success, another digest
 * under a taken name throws `VERSION_EXISTS`. `load` verifies every byte or throws `VERSION_CORRUPT`, `VERSION_FOREIGN`,
 * `VERSION_UNKNOWN`. `point` throws `GENERATION_STALE` when the pointer has moved.
 */
export interface Registry {
  publish(draft: VersionDraft): Promise<Manifest>
  load(version: string): Promise<Version>
  manifest(version: string): Promise<Manifest>
  /** One version by its key, including removed ones; otherwise `VERSION_UNKNOWN`. */
  find(version: string): Promise<ListedVersion>
  /**
   * The newest `count` (100 when absent), newest first; with `before`, which need not exist any more, only those that are
   * older. What `keep` removed is marked, and remembered up to a limit.
   */
  list(count?: number, before?: string): Promise<readonly ListedVersion[]>
  live(): Promise<Routing | undefined>
  /** Every version that it names is loaded and checked first. `ROUTING_INVALID` where they contradict each other. */
  point(move: RoutingMove): Promise<Routing>
  /** Moves, newest first, at most `count`; with `before`, only those of a lower generation; with `live`, only those under which this version was live. The oldest are forgotten. */
  history(count: number, before?: number, live?: string): Promise<readonly Routing[]>
  /**
   * Calls back with the present pointer (if any) and soon after each change, never inside this call; changes in quick
   * succession are reported as one, the newest. Returns a function that unsubscribes.
   */
  watch(onChange: (pointer: Routing) => void): () => void
  /** Removes the bytes of old versions, never of one that the routing names, the previous, a pinned or a protected one. */
  keep(retention: Retention, protectedVersions: readonly string[]): Promise<KeepResult>
  /**
   * Removes the bytes of these versions for good, also of pinned ones and of the one before the live one; versions that
   * are routed or answering stay. Returns those that have none any more: ask again for the others.
   */
  retire(versions: readonly string[]): Promise<readonly string[]>
  /** A pinned version keeps its bytes until it is unpinned. `PINS_FULL` when there are too many. */
  pin(version: string): Promise<void>
  /** Succeeds too if the version is not pinned. */
  unpin(version: string): Promise<void>
  pins(): Promise<readonly string[]>
  close(): Promise<void>
}
