/**
 * The progress of this daemon's feedback: how much is durable and not read, and whether the trainer has processed the
 * position of a receipt.
 *
 * A single daemon compares offsets of its inbox. In a fleet each replica's inbox goes into one stream, and a position
 * is `replica:offset`: the trainer has processed it when the stream id after the offset is settled.
 */
import type { MemberModel } from '../fleet/members.ts'
import { isAtOrBefore } from '../../../intake/inbox/forward-script.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'
import type { ModelIntake } from './intake-counts.ts'
import type { Position } from './position.ts'

type Feedback = Partial<Pick<ModelIntake, 'inbox' | 'forwarder'>>

/** Durable here and not read by the trainer. Once forwarded, it counts until the trainer's stream id has passed it. */
export function unreadHere({ inbox, forwarder }: Feedback, { feedback }: TrainerStatus): number {
  if (inbox === undefined) return 0
  const { end, consumed } = inbox.marks()
  const read = Number(feedback?.read['0'] ?? 0)
  // Beyond the end: it belongs to another inbox.
  const known = forwarder === undefined && read <= end ? Math.max(read, consumed) : consumed
  return end - known
}

/** The progress of the replica that has the position. */
export type ForwardedUpTo = Pick<MemberModel, 'consumed' | 'heard'>

/** Events that wait for an update: pending, or durable and not read. Both as the trainer reported last; undefined if it has not. */
export function unlearnedHere(
  { inbox }: Feedback,
  { feedback, pending }: TrainerStatus,
): number | undefined {
  if (inbox === undefined || feedback === undefined) return undefined
  const { end } = inbox.marks()
  const read = Number(feedback.read['0'] ?? 0)
  return pending + (read <= end ? end - read : 0)
}

/** The first generation with answers that include it; undefined while there is none. */
export function reachedGeneration(
  { replica, offset }: Position,
  { feedback }: TrainerStatus,
  forwarded: ForwardedUpTo | undefined,
): number | undefined {
  if (feedback === undefined) return undefined
  const { settled, generation } = feedback
  if (replica === undefined) return Number(settled['0'] ?? 0) >= offset ? generation : undefined
  const { consumed = 0, heard = '' } = forwarded ?? {}
  if (consumed < offset || heard === '') return undefined
  const ids = Object.values(settled).map(idOf)
  return ids.some((id) => isAtOrBefore(idOf(heard), id)) ? generation : undefined
}

/** Without the count that the reader of a stream stores beside it. */
function idOf(place: string): string {
  return place.split('/', 1)[0] ?? place
}
