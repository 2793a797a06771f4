/** Counts that only the intake knows and the trainer cannot: their part of a member's information. */
import type { DeadLetters } from '../../../intake/dead-letters/dead-letters.ts'
import type { Forwarder } from '../../../intake/inbox/forwarder.ts'
import type { Inbox } from '../../../intake/inbox/inbox.ts'

/** The intake of one model. A daemon that only trains has dead letters alone. */
export interface ModelIntake {
  readonly name: string
  readonly deadLetters: Pick<DeadLetters, 'counts'>
  readonly inbox?: Pick<Inbox, 'marks' | 'unread' | 'duplicates'>
  /** In a fleet. */
  readonly forwarder?: Pick<Forwarder, 'waiting' | 'heard'> | undefined
}

export function intakeCounts(model: Omit<ModelIntake, 'name'> | undefined) {
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
