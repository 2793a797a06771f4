/** What a forwarder is made of. */
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
  /** Of the stream in the memory of Redis, about; the same. Absent = 1 GiB. */
  readonly bytes?: number
  /** How young an entry is never trimmed. Longer than a copy of a checkpoint may be old when another takes over. */
  readonly keepMs?: number
  /** Awaited before messages are sent: what they name is there first. Must end by itself, and never reject. */
  readonly before?: () => Promise<void>
  readonly onForwarded?: (count: number) => void
}

/** All of one slot. */
export interface ForwardKeys {
  readonly stream: string
  /** How far this replica is in the stream. */
  readonly place: string
  /** The hash where the stream's reader leaves word. */
  readonly word: string
}
