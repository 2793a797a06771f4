/**
 * What learning has cost: CPU seconds of the updates of a model, in all and within the last hour. Part of the
 * checkpoint, so that a restart begins no new hour. The hour is kept in minutes: at most sixty numbers.
 */
import type { Json } from '../contracts/core.ts'

/** CPU seconds. */
export interface Cost {
  readonly training: number
  /** Comparing the candidate with other versions, and measuring how well it fits. */
  readonly evaluation: number
}

export interface ComputeState {
  readonly [field: string]: Json
  readonly training: number
  readonly evaluation: number
  /** Minutes since 1970 and the seconds that each has cost, oldest first. */
  readonly minutes: readonly (readonly [minute: number, seconds: number])[]
}

export const noCompute: ComputeState = { training: 0, evaluation: 0, minutes: [] }

const MINUTE_MS = 60_000
const HOUR = 60

export function withCost(
  { training, evaluation, minutes }: ComputeState,
  cost: Cost,
  nowMs: number,
): ComputeState {
  const now = minuteOf(nowMs)
  const recent = lastHour(minutes, now)
  const present = recent.find(([minute]) => minute === now)?.[1] ?? 0
  const others = recent.filter(([minute]) => minute !== now)
  const changed = [...others, [now, present + cost.training + cost.evaluation] as const]
  return {
    training: training + cost.training,
    evaluation: evaluation + cost.evaluation,
    minutes: changed.toSorted(([one], [other]) => one - other),
  }
}

/** CPU seconds of the last hour. */
export function hourOf({ minutes }: ComputeState, nowMs: number): number {
  return sumOf(lastHour(minutes, minuteOf(nowMs)))
}

/** When less than `perHour` seconds will have been spent in an hour; undefined: now. */
export function roomAtMs(
  { minutes }: ComputeState,
  perHour: number,
  nowMs: number,
): number | undefined {
  const recent = lastHour(minutes, minuteOf(nowMs))
  let spent = sumOf(recent)
  let room: number | undefined
  for (const [minute, seconds] of recent) {
    if (spent < perHour) break
    spent -= seconds
    room = (minute + HOUR) * MINUTE_MS
  }
  return room
}

/** Minutes of the future count for an hour too: the clock was set back. */
function lastHour(minutes: ComputeState['minutes'], now: number): ComputeState['minutes'] {
  return minutes.filter(([minute]) => Math.abs(now - minute) < HOUR)
}

function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / MINUTE_MS)
}

function sumOf(minutes: ComputeState['minutes']): number {
  return minutes.reduce((sum, [, seconds]) => sum + seconds, 0)
}
