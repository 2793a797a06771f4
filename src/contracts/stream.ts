/** Sources and sinks, and the events that they carry: for authors of connectors. */
import type { Clock, Json, Logger, Plugin } from './core.ts'

/**
 * Partition → the position to read next, in the source's own notation (an offset, a byte offset, a stream id). If
 * content may be replaced under the same name, the notation also identifies the content: a topic's id, a file's
 * fingerprint.
 */
export type Positions = Readonly<Record<string, string>>

export interface SourceRecord {
  /** The partition it came from; a source without partitions says '0'. */
  readonly partition: string
  /** Its own position, shown to people and in dead letters. */
  readonly position: string
  /** The position after it: what a checkpoint that has consumed this record keeps. */
  readonly next: string
  /** The message as it arrived. The intake parses it, outside the connector's retries. */
  readonly value: Uint8Array
  readonly key?: Uint8Array
  /** Text if they were UTF-8, otherwise the bytes. */
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** When the transport took it, ms since 1970. */
  readonly timeMs?: number
  /** Why this is not an event, if the transport already knows: intake makes it a dead letter. */
  readonly refused?: { readonly code: string; readonly reason: string }
}

/**
 * Where events come from. One trainer loop calls it, never concurrently.
 *
 * `open` is called once with the checkpoint's positions (absent partitions begin at the source's start). `read` then
 * returns records in order per partition, at most `limits.records`; if there is none it waits up to `waitMs` and
 * returns []. After a crash the same positions give the same records again. `commit` is advice for lag monitoring; the
 * checkpoint is the truth. `close` is idempotent. A failure is a `CodedError`: with `retriable: true` the same call is
 * repeated later; otherwise the source is opened again later at the position read so far. Meanwhile its code is shown,
 * and other sources continue. A call that throws, also because its signal was aborted, has consumed nothing and may be
 * repeated; a waiting `read` is aborted whenever there may be news.
 */
export interface Source {
  /** Stable over restarts: the checkpoint stores the positions under this key. */
  readonly name: string
  /**
   * Identifies what its positions point into, if positions of another one are meaningless. The checkpoint stores it
   * with them.
   */
  readonly journal?: string
  open(from: Positions, signal: AbortSignal): Promise<void>
  read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]>
  commit(positions: Positions): Promise<void>
  /** Records that exist and are not read yet. */
  lag(): Promise<number>
  /** Counters since it was created, from memory; for metrics. */
  stats?(): SourceStats
  /**
   * For `antikythera reset-position`, called on a source that is not open: where each partition would continue. `from`
   * are the checkpoint's positions; `to` is `start`, `end` or a position in the source's own notation, otherwise it
   * throws `USAGE`.
   */
  locate?(to: string, from: Positions, signal: AbortSignal): Promise<readonly Located[]>
  close(): Promise<void>
}

/** The daemon's retry policy as a connector sees it. */
export interface RetryDelays {
  /** How long to wait after a failure that has `failures` others directly before it. */
  delayMs(failures: number): number
}

/** A source as its reader sees it. */
export interface SourceStatus extends SourceStats {
  readonly lag: number
  /** Present while it fails; reading is retried automatically. */
  readonly code?: string
  readonly message?: string
}

/** Where a partition would continue, and what it would skip. */
export interface Located {
  readonly partition: string
  /** The checkpoint's position; null = nothing was read. */
  readonly from: string | null
  readonly to: string
  /** Unread records that would be skipped. */
  readonly skipped: number
  /** Records that were read and would be read again. */
  readonly again: number
  /** Unread records that no longer exist; null = unknown, because the content is different. */
  readonly gone: number | null
}

/** Counters of one source, which only rise. */
export interface SourceStats {
  readonly records: number
  /** Size after decompression. */
  readonly bytes: number
  /** How often the group's partitions were reassigned. */
  readonly rebalances: number
  /** Messages that arrived truncated or unreadable: over a limit, or with a codec that failed. */
  readonly refused: number
  /** How often different content was found in place of what had been read. */
  readonly resets?: number
  /** Records known to be lost before they were read; there may be more. */
  readonly missing?: number
  readonly lastReset?: SourceReset
}

/**
 * A source found content other than what it had read: a topic that was deleted and created again, a file that was
 * truncated or replaced. Reading continues elsewhere.
 */
export interface SourceReset {
  readonly partition: string
  readonly reason: string
  /** Positions in the source's own notation. */
  readonly from: string
  readonly to: string
  /** Records known to be lost before they were read; absent = unknown. */
  readonly missing?: number
  readonly timeMs: number
}

/** How a source responds when it finds content other than what it had read. */
export type OnReset = 'start' | 'end' | 'stop'

/**
 * A durable, ordered list of messages that this daemon keeps: the embedded topic behind the `http` source. Offsets rise
 * by one and begin at 0; messages below `begin` were removed after they had been learned.
 */
export interface Journal {
  /** Identifies this file: another journal has another identity, and positions are not interchangeable. */
  readonly identity: string
  /** Messages from offset `from` on, at most `count`, in order. Removed offsets are skipped. */
  read(from: number, count: number): readonly JournalMessage[]
  /** The offset that the next message will get. */
  end(): number
  /** The first offset that is still there; `end` when none is. */
  begin(): number
  /** Everything below `offset` was learned and may be removed once it is old enough. */
  consumed(offset: number): void
  /**
   * Takes a new identity, because a position that was read no longer exists in it: new messages must not be mistaken
   * for it.
   */
  disown(): void
}

export interface JournalMessage {
  readonly offset: number
  readonly value: Uint8Array
  readonly timeMs: number
  /** Of the request that brought it (W3C Trace Context); absent = it belongs to no trace. */
  readonly traceparent?: string
}

/** An event that could not be learned from, and why. `key` makes writing it twice harmless. */
export interface DeadLetter {
  readonly key: string
  readonly code: string
  readonly reason: string
  readonly connector: string
  readonly partition: string
  readonly position: string
  readonly value: Uint8Array
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  readonly timeMs: number
}

/** Where dead letters go. `write` resolves only when they are durable, and is idempotent by `key`. */
export interface Sink<Item = DeadLetter> {
  write(items: readonly Item[]): Promise<void>
  close(): Promise<void>
}

export type Input =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'features'
      /** A name that is absent is missing. */
      readonly features: readonly number[] | Readonly<Record<string, number | string | boolean>>
    }
  /** A conversation, oldest first: the base writes it as its chat template says. */
  | { readonly kind: 'messages'; readonly messages: readonly ChatMessage[] }

export type ChatRole = 'system' | 'user' | 'assistant'

export interface ChatMessage {
  readonly role: ChatRole
  readonly content: string
}

/** The content of an event. `label` also carries a correction; a rating judges the answer that was served. */
export type FeedbackSignal =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'rating'; readonly rating: 1 | -1 }
  /** What the answer should be; `corrects`: instead of the answer that was served, if it names one. */
  | { readonly kind: 'completion'; readonly text: string; readonly corrects?: true }
  /** Two answers to one input, a better and a worse one. */
  | { readonly kind: 'preference'; readonly chosen: string; readonly rejected: string }
  | {
      readonly kind: 'retract'
      /** Absent if the event names no source. */
      readonly anySource?: true
      /** Retracts everything from its source, since a time. */
      readonly all?: { readonly sinceMs?: number }
    }

/** One message of the stream, validated. `source` + `id` is its identity, forever. */
export interface FeedbackEvent {
  readonly id: string
  readonly source: string
  readonly model?: string
  readonly input?: Input
  readonly predictionId?: string
  readonly signal: FeedbackSignal
  readonly weight: number
  readonly timeMs?: number
  /** The part of the population it speaks for, such as a region: scores and gates look at each part on its own. */
  readonly slice?: string
  /** The span that sent it (W3C Trace Context). No part of what it says; absent = it belongs to no trace. */
  readonly traceparent?: string
}

/** A served prediction, kept so that feedback can join it days later. */
export interface ServedPrediction {
  readonly id: string
  readonly input: Input
  readonly version: string
  /** The text of the answer, such as its label; '' where there was none. */
  readonly answer: string
  /** The answer as a sink writes it, such as { label }; absent where it was read back. */
  readonly shown?: Readonly<Record<string, Json>>
  readonly timeMs: number
  /** The canary that had a share of the requests when it was made: `version` may be this one or the live one. */
  readonly canary?: string
  /** What the shadow would have answered; it was never returned. */
  readonly shadow?: ShadowAnswer
  /** The request chose the version, not the routing: feedback is learned, and judges no version. */
  readonly pinned?: true
  /** The span of its request (W3C Trace Context): feedback on it belongs to that trace. */
  readonly traceparent?: string
}

export interface ShadowAnswer {
  readonly version: string
  /** As the `answer` of a served prediction. */
  readonly answer: string
}

// ── Connectors as plug-ins ───────────────────────────────────────────────────────────────────────────────────

/**
 * The connection to Redis that a connector needs: one command at a time, replies as bytes. The daemon passes its own
 * connection; any other client fits with one line, such as `{ bytes: (...all) => ioredis.callBuffer(...all) }`.
 */
export interface RedisCommands {
  /** Bulk strings as Buffers, integers as numbers. Rejects soon when Redis is away, instead of queueing. */
  bytes(name: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>
}

/** What a sink gets besides its settings. */
export interface SinkNeeds {
  readonly model: string
  readonly clock: Clock
  readonly log: Logger
}

/** What a source gets besides its settings. */
export interface SourceNeeds extends SinkNeeds {
  readonly limits: {
    /** A longer value is truncated, one byte over the limit. */
    readonly eventBytes: number
    /** The size limit of one decompressed message, and of a buffer. */
    readonly messageBytes: number
  }
  /** For calls that the source retries itself. */
  readonly retry: RetryDelays
  /** Connections to the Redis of the config, `waiter` for commands that block; absent without a redis section. */
  readonly redis?: () => Promise<{
    readonly redis: RedisCommands
    readonly waiter?: RedisCommands
  }>
  /** The feedback that came over HTTP: the journal of this daemon, or the stream that a fleet shares. */
  readonly feedback?: Journal | SharedFeedback
}

export interface SharedFeedback {
  readonly stream: string
  /** Commits under an older epoch than the key holds are refused. */
  readonly fence?: { readonly key: string; readonly epoch: () => number }
}

export type SourcePlugin = Plugin<Source | Promise<Source>, [needs: SourceNeeds]> & ConnectorRules
export type SinkPlugin<Item = DeadLetter> = Plugin<
  Sink<Item> | Promise<Sink<Item>>,
  [needs: SinkNeeds]
> &
  ConnectorRules

interface ConnectorRules {
  /** Finds problems that no single setting shows, from all uses of a connector in a config, as a source or a sink. */
  check?(uses: readonly ConnectorUse[], config: { readonly hasRedis: boolean }): readonly UseFault[]
  /** What its messages travel through, for /asyncapi.json; without it a channel has no address there. */
  channels?(use: ConnectorUse): readonly ConnectorChannel[]
}

/** A topic, stream, file or route. It holds no secret. */
export interface ConnectorChannel {
  readonly protocol: string
  readonly address: string
  /** host:port, where the settings name them. */
  readonly hosts?: readonly string[]
  /** JSON Schema of the headers that it reads or writes. */
  readonly headers?: Readonly<Record<string, unknown>>
  /** JSON Schema of what a sink writes; absent for a source: its messages are events. */
  readonly payload?: Readonly<Record<string, unknown>>
}

/** One place of a config that names a connector. */
export interface ConnectorUse {
  readonly model: string
  readonly as: 'source' | 'dead_letters' | 'predictions'
  readonly settings: Readonly<Record<string, unknown>>
}

export interface UseFault {
  readonly use: ConnectorUse
  /** Below the connector's name. */
  readonly path: readonly (string | number)[]
  /** A clause that follows the place, such as `must be host:port`. */
  readonly message: string
}
