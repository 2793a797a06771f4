/** Sources and sinks, and the events that they carry: what the author of a connector reads. */
import type { Json } from './core.ts'

/**
 * Partition → the position to read next, in the source's own notation (an offset, a byte offset, a stream id). Where content
 * may be replaced under its name, the notation also says of which content it speaks: a topic's id, a file's fingerprint.
 */
export type Positions = Readonly<Record<string, string>>

export interface SourceRecord {
  /** The partition it came from; a source without partitions says '0'. */
  readonly partition: string
  /** Its own position, for people and dead letters. */
  readonly position: string
  /** The position after it: what a checkpoint that has consumed this record keeps. */
  readonly next: string
  /** The message as it arrived. Parsing is intake's work, outside the connector's retries. */
  readonly value: Uint8Array
  readonly key?: Uint8Array
  /** Text where they were UTF-8, else the bytes. */
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** When the transport took it, ms since 1970. */
  readonly timeMs?: number
  /** Why this is no event, where the transport knows it already: intake makes it a dead letter. */
  readonly refused?: { readonly code: string; readonly reason: string }
}

/**
 * Where events come from. Called by one trainer loop at a time, never concurrently.
 *
 * `open` is called once with the checkpoint's positions (partitions that are absent begin at the source's start);
 * `read` then returns records in order per partition, at most `limits.records`, waiting up to `waitMs` when there is none
 * (then returns []). After a crash the same positions give the same records again. `commit` is advice for lag
 * monitoring; the checkpoint is the truth. `close` is idempotent. A failure is a `CodedError`: with `retriable: true`
 * the same call is repeated later; without, the source is opened again later, at what was read so far. Meanwhile its
 * code is shown, and other sources go on. A call that throws, also because its signal was aborted, has
 * consumed nothing and may be repeated: a waiting `read` is aborted whenever there may be news.
 */
export interface Source {
  /** Stable over restarts: it keys the positions of the checkpoint. */
  readonly name: string
  /** What its positions point into, where positions of another one mean nothing. The checkpoint keeps it beside them. */
  readonly journal?: string
  open(from: Positions, signal: AbortSignal): Promise<void>
  read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]>
  commit(positions: Positions): Promise<void>
  /** Records that exist and are not read yet. */
  lag(): Promise<number>
  /** Since it was made, from memory; for metrics. */
  stats?(): SourceStats
  /**
   * For `antikythera reset-position`, called on a source that is not open: where each partition would go on. `from` are the
   * checkpoint's positions, `to` is `start`, `end` or a position in the source's own notation, else throws `USAGE`.
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
  /** While it fails; it is asked again by itself. */
  readonly code?: string
  readonly message?: string
}

/** Where a partition would go on, and what that passes over. */
export interface Located {
  readonly partition: string
  /** The checkpoint's position; null = nothing was read. */
  readonly from: string | null
  readonly to: string
  /** Records that exist, were not read, and would not be. */
  readonly skipped: number
  /** Records that were read and would come again. */
  readonly again: number
  /** Records that were not read and exist no more; null = unknown, because the content is another. */
  readonly gone: number | null
}

/** Counters of one source, which only rise. */
export interface SourceStats {
  readonly records: number
  /** As they came out, after decompression. */
  readonly bytes: number
  /** How often the group's partitions were dealt anew. */
  readonly rebalances: number
  /** Messages that came out cut or unreadable: over a limit, or of a codec that failed. */
  readonly refused: number
  /** How often other content was found in the place of what had been read. */
  readonly resets?: number
  /** Records that are known to be gone unread; there may be more. */
  readonly missing?: number
  readonly lastReset?: SourceReset
}

/**
 * A source found other content than it had read: a topic that was deleted and created again, a file that was truncated or
 * replaced. Reading goes on elsewhere.
 */
export interface SourceReset {
  readonly partition: string
  readonly reason: string
  /** Positions in the source's own notation. */
  readonly from: string
  readonly to: string
  /** Records that are known to be gone unread; absent = unknown. */
  readonly missing?: number
  readonly timeMs: number
}

/** What a source does when it finds other content than it had read. */
export type OnReset = 'start' | 'end' | 'stop'

/**
 * A durable, ordered list of messages kept by this daemon itself: the embedded topic behind the `http` source. Offsets
 * rise by one and begin at 0; what is below `begin` was removed after it had been learned.
 */
export interface Journal {
  /** Of this file: another journal has another, and a position means nothing there. */
  readonly identity: string
  /** Messages from offset `from` on, at most `count`, in order. A removed offset is passed over. */
  read(
    from: number,
    count: number,
  ): readonly { readonly offset: number; readonly value: Uint8Array; readonly timeMs: number }[]
  /** The offset that the next message will get. */
  end(): number
  /** The first offset that is still there; `end` when none is. */
  begin(): number
  /** Everything below `offset` was learned and may be removed when it is old enough. */
  consumed(offset: number): void
  /** Takes another identity, because a position that was read is not in it: what comes next must not be mistaken for it. */
  disown(): void
}

/** What could not be learned from, and why. `key` makes writing it twice harmless. */
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

/** Where letters go. `write` resolves only when they are durable, and is idempotent by `key`. */
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

/** What an event says. `label` and `value` also carry a correction; a rating speaks of the answer that was served. */
export type FeedbackSignal =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'rating'; readonly rating: 1 | -1 }
  | {
      readonly kind: 'retract'
      /** It names no source. */
      readonly anySource?: true
      /** Everything of its source, since a time. */
      readonly all?: { readonly sinceMs?: number }
    }

/** One message of the stream, validated. `source` + `id` is its identity, forever. */
export interface FeedbackEvent {
  readonly id: string
  readonly source: string
  readonly model?: string
  readonly input?: Input
  readonly predictionId?: string
  readonly lesson: FeedbackSignal
  readonly weight: number
  readonly timeMs?: number
}

/** What was served, kept so that feedback can join it days later. */
export interface ServedPrediction {
  readonly id: string
  readonly input: Input
  readonly version: string
  /** The text of the answer, such as its label; '' where there was none. */
  readonly answer: string
  /** The answer as a sink writes it, such as { label }; absent where it was read back. */
  readonly shown?: Readonly<Record<string, Json>>
  readonly timeMs: number
}
