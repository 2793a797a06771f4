/** The options of a forwarder. */
import type { Clock, Logger } from '../../contracts/core.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import type { InboxJournal } from './reader.ts'

export interface ForwarderOptions {
  readonly journal: InboxJournal
  readonly redis: Pick<Redis, 'script'>
  readonly keys: ForwardKeys
  readonly replica: string
  readonly clock: Clock
  readonly log: Logger
  /** Entries of the stream that the trainer has not learned; beyond it messages wait in the inbox. */
  readonly unreadEntries: number
  /** Approximate size of the stream in the memory of Redis; beyond it the same. Absent = 1 GiB. */
  readonly bytes?: number
  /** Entries younger than this are never trimmed. Longer than the maximum age of a checkpoint copy at a takeover. */
  readonly keepMs?: number
  /**
   * Awaited before messages are sent, so that what they refer to arrives first. Must end on its own, and never reject.
   */
  readonly before?: () => Promise<void>
  readonly onForwarded?: (count: number) => void
}

/** Keys in one slot. */
export interface ForwardKeys {
  readonly stream: string
  /** This replica's position in the stream. */
  readonly place: string
  /** The hash where the stream's reader stores its position. */
  readonly word: string
}
