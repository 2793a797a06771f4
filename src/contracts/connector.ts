/**
 * Sinks, and the plug-ins of sources and sinks: what they get besides their settings, and the checks and channels that
 * they declare.
 */
import type { Clock, Logger, Plugin } from './core.ts'
import type { Journal, RetryDelays, Source } from './source.ts'

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
  /** The topics, streams or files of its messages, for /asyncapi.json; without it a channel has no address there. */
  channels?(use: ConnectorUse): readonly ConnectorChannel[]
}

/** A topic, stream, file or route. It holds no secret. */
export interface ConnectorChannel {
  readonly protocol: string
  readonly address: string
  /** host:port, if the settings name them. */
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
