/** Where events come from. For authors of sources. */

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
  /** When the transport received it, ms since 1970. More than an hour ahead of the daemon's clock, it is ignored. */
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
  /**
   * The positions that follow from others because the content is the same: of a file that was moved, of a topic that is
   * read together with others now. Called before `open`, with the positions of each source that the config no longer
   * has, and with its own, which stay as they are; throws as `open` does. Absent = none.
   */
  continues?(positions: Positions, signal: AbortSignal): Promise<Positions>
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
  locate?(to: string, from: Positions, signal: AbortSignal): Promise<readonly LocatedRange[]>
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
export interface LocatedRange {
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
  /** Why it cannot be read now, if the source tries again by itself and its reads do not fail. */
  readonly code?: string
  readonly message?: string
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
  /** The process that appends wakes the reader, so that it need not look often. */
  readonly isAnnounced?: boolean
  /** Messages from offset `from` on, at most `count`, in order. Removed offsets are skipped. */
  read(from: number, count: number): readonly JournalMessage[]
  /** The offset that the next message will get. */
  end(): number
  /** The first offset that is still there; `end` when none is. */
  begin(): number
  /** Everything below `offset` was learned and may be removed once it is old enough. */
  consumed(offset: number): void
  /** The highest such offset so far, also of a fleet that the messages went to. */
  learned(): number
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
  /** The trace of the request that brought it (W3C Trace Context); absent = it belongs to no trace. */
  readonly traceparent?: string
}
