/**
 * Which records already existed at a rollback: they are set aside unread. Decided by the transport's time of a record,
 * which is the same after a restart and for every partition; for a source without times, by the number of records it
 * had when the trainer followed the rollback. Part of the checkpoint.
 */
import type { Received } from '../intake/join.ts'

export interface Barrier {
  /** When the live pointer was moved. */
  readonly untilMs: number
  /** Source → records without a time that are still to be set aside. */
  readonly left: Readonly<Record<string, number>>
  /** The version gone back to; absent in a checkpoint of an earlier release. */
  readonly goneTo?: string
}

export function isBefore({ connector, record }: Received, barrier: Barrier): boolean {
  const { timeMs } = record
  return timeMs === undefined ? (barrier.left[connector] ?? 0) > 0 : timeMs <= barrier.untilMs
}

/** The barrier after a record was read. */
export function behind({ connector, record }: Received, barrier: Barrier): Barrier {
  const left = barrier.left[connector] ?? 0
  if (record.timeMs !== undefined || left === 0) return barrier
  return { ...barrier, left: { ...barrier.left, [connector]: left - 1 } }
}
