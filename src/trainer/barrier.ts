/**
 * Which records were there already when somebody rolled back: they are set aside unread. By the time at which the
 * transport took a record, which is the same after a restart and for every partition; of a source without times, as many
 * records as it had when the trainer followed the rollback. Part of the checkpoint.
 */
import type { Received } from '../intake/join.ts'

export interface Barrier {
  /** When the live pointer was moved. */
  readonly untilMs: number
  /** Source → records without a time that are still to be set aside. */
  readonly left: Readonly<Record<string, number>>
}

export function isBefore({ connector, record }: Received, barrier: Barrier): boolean {
  const { timeMs } = record
  return timeMs === undefined ? (barrier.left[connector] ?? 0) > 0 : timeMs <= barrier.untilMs
}

/** The barrier behind a record that was read. */
export function behind({ connector, record }: Received, barrier: Barrier): Barrier {
  const left = barrier.left[connector] ?? 0
  if (record.timeMs !== undefined || left === 0) return barrier
  return { ...barrier, left: { ...barrier.left, [connector]: left - 1 } }
}
