/**
 * The progress of this daemon's feedback: how much is durable and not read, and whether the trainer has processed the
 * position of a receipt.
 *
 * A single daemon compares offsets of its inbox. In a fleet each replica's inbox goes into one stream, and a position
 * is `replica:offset`: the trainer has processed it when the stream id after the offset is settled.
 */
import { isAtOrBefore } from '../../../intake/inbox/forward-script.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'
import type { DeadLetters } from '../../../intake/dead-letters/dead-letters.ts'
import type { Forwarder } from '../../../intake/inbox/forwarder.ts'
import type { Inbox } from '../../../intake/inbox/inbox.ts'

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

/** The first generation with answers that include it; undefined while there is none. `forwarded`: of the replica that has the position. */
export function reachedGeneration(
  { replica, offset }: Position,
  { feedback }: TrainerStatus,
  forwarded: Partial<Pick<IntakeCounts, 'consumed' | 'heard'>> | undefined,
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

/** The position in a feedback receipt: an offset of an inbox, in a fleet with the name of its replica. */
export interface Position {
  /** The replica of the inbox; undefined for a single daemon. */
  readonly replica: string | undefined
  /** All of it is below this offset. */
  readonly offset: number
}

export function textOf({ replica, offset }: Position): string {
  return replica === undefined ? String(offset) : `${replica}:${offset}`
}

/** Undefined for a text that no receipt has. */
export function positionIn(text: string): Position | undefined {
  const [, replica, offset] = /^(?:([a-z0-9][a-z0-9._-]{0,63}):)?(\d{1,15})$/.exec(text) ?? []
  return offset === undefined ? undefined : { replica, offset: Number(offset) }
}

/** The intake of one model. A daemon that only trains has dead letters alone. */
export interface ModelIntake {
  readonly name: string
  readonly deadLetters: Pick<DeadLetters, 'counts'>
  readonly inbox?: Pick<Inbox, 'marks' | 'unread' | 'duplicates'>
  /** In a fleet. */
  readonly forwarder?: Pick<Forwarder, 'waiting' | 'heard'> | undefined
}

/** Counts that only the intake knows and the trainer cannot: their part of a member's information. */
export interface IntakeCounts {
  /** Refused here, on arrival or by the trainer. */
  readonly rejected: number
  /** Events with an id that was already known on arrival. */
  readonly duplicates: number
  /** Accepted here, and not in the trainer's stream yet. */
  readonly waiting: number
  /** Accepted here, and not saved as learned by the trainer. */
  readonly unread: number
  /** Everything below this offset of its inbox is learned … */
  readonly consumed: number
  /** … and is at or before this id of the trainer's stream. */
  readonly heard: string
}

export function intakeCounts(model: Omit<ModelIntake, 'name'> | undefined): IntakeCounts {
  const counts = Object.values(model?.deadLetters.counts() ?? {})
  return {
    rejected: counts.reduce((sum, each) => sum + each, 0),
    duplicates: model?.inbox?.duplicates() ?? 0,
    waiting: model?.forwarder?.waiting() ?? 0,
    unread: model?.inbox?.unread() ?? 0,
    consumed: model?.inbox?.marks().consumed ?? 0,
    heard: model?.forwarder?.heard() ?? '',
  }
}
