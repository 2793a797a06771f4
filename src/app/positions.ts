/**
 * Where HTTP feedback stands between the door and the trainer: how much is durable and not read, and whether the trainer is
 * through with a position that a receipt gave out.
 *
 * A daemon by itself compares offsets of its inbox. In a fleet each replica's inbox goes into one stream, and a position
 * is `replica:offset`: the trainer is through with it when its word has passed that offset, and what it calls settled
 * has passed the word.
 */
import type { OpenModel } from './daemon-context.ts'
import type { TrainerStatus } from '../trainer/contract.ts'
import type { MemberModel } from '../fleet/members.ts'
import { isAtOrBefore } from '../intake/inbox/learned-marks.ts'
import type { Position } from '../serving/services/position.ts'

/** What is durable here and the trainer has not read. Once forwarded, it counts until the trainer's word has passed it. */
export function unreadHere(
  { inbox, forwarder }: Partial<OpenModel>,
  { feedback }: TrainerStatus,
): number {
  if (inbox === undefined) return 0
  const { end, consumed } = inbox.marks()
  const read = Number(feedback?.read['0'] ?? 0)
  // Beyond the end it belongs to another inbox.
  const known = forwarder === undefined && read <= end ? Math.max(read, consumed) : consumed
  return end - known
}

export type Door = Pick<MemberModel, 'consumed' | 'heard'>

/** Events that wait for an update: pending, or durable and not read. Both as the trainer told last; undefined if it has not. */
export function unlearnedHere(
  { inbox }: Partial<OpenModel>,
  { feedback, pending }: TrainerStatus,
): number | undefined {
  if (inbox === undefined || feedback === undefined) return undefined
  const { end } = inbox.marks()
  const read = Number(feedback.read['0'] ?? 0)
  return pending + (read <= end ? end - read : 0)
}

/** The generation from which on answers know it; undefined while there is none. */
export function reachedGeneration(
  { replica, offset }: Position,
  { feedback }: TrainerStatus,
  door: Door | undefined,
): number | undefined {
  if (feedback === undefined) return undefined
  const { settled, generation } = feedback
  if (replica === undefined) return Number(settled['0'] ?? 0) >= offset ? generation : undefined
  const { consumed = 0, heard = '' } = door ?? {}
  if (consumed < offset || heard === '') return undefined
  const ids = Object.values(settled).map(idOf)
  return ids.some((id) => isAtOrBefore(idOf(heard), id)) ? generation : undefined
}

/** Without the count that the reader of a stream keeps beside it. */
function idOf(place: string): string {
  return place.split('/', 1)[0] ?? place
}
