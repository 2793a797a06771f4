/**
 * Which records already existed at a rollback: they are set aside unread. Decided by the transport's time of a record,
 * which is the same after a restart and for every partition; for a record without one, by the number of records that
 * its source had when the trainer followed the rollback. Part of the checkpoint.
 */
import type { ReceivedRecord } from '../intake/join.ts'

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
