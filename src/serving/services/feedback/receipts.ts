/**
 * Receipts: what became of one event of feedback, in exactly one state. What the trainer has read is in its checkpoint;
 * before that an event is durable in the inbox. The newest signal under an id counts.
 */
import type { LoggedReceipt, ReceiptReader } from '../../../checkpoint/event-log/receipts.ts'
import { refusedAs } from '../../../checkpoint/event-log/states.ts'
import type { EventIdentity } from '../../../contracts/core.ts'
import { failure } from '../../../platform/errors.ts'
import type { Inbox } from '../../../intake/inbox/inbox.ts'
import { refusedSource } from './source-limit.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'

export type Receipt = EventIdentity & Fate

type Learned = Pick<LoggedReceipt, 'version' | 'weight' | 'slice' | 'timeMs'>

export type Fate =
  /** Durable here, and not read by the trainer, or read and not saved. */
  | { readonly state: 'received' }
  | (Learned & { readonly state: 'waiting'; readonly for: 'prediction' | 'update' })
  /** Without a version where the event fell out of the log. */
  | (Learned & { readonly state: 'learned'; readonly isOlder?: true })
  | (Learned & { readonly state: 'held_out' })
  /** Without a code where it fell out of the log. */
  | { readonly state: 'rejected'; readonly code?: string; readonly message?: string }
  | (Learned & { readonly state: 'set_aside' } & Pick<LoggedReceipt, 'rollback'>)
  | (Learned & { readonly state: 'quarantined'; readonly message: string })
  | { readonly state: 'superseded' | 'retracted' | 'forgotten' }

export interface ReceiptService {
  /**
   * `source`: absent = the one of feedback over HTTP. `sources`: those that the asker may speak for; absent = all. Throws
   * `FEEDBACK_UNKNOWN`, `SOURCE_REFUSED`, `TRAINED_ELSEWHERE`.
   */
  find(
    id: string,
    of?: {
      readonly source?: string | undefined
      readonly sources?: readonly string[] | undefined
    },
  ): Promise<Receipt>
}

export interface ReceiptOptions {
  readonly model: string
  /** The source of events that name none, which is also the one that reads the inbox. */
  readonly source: string
  readonly reader: ReceiptReader
  /** Absent where feedback is not taken in. */
  readonly inbox?: Pick<Inbox, 'offsetOf' | 'marks'> | undefined
}

interface TrainerStates {
  status(model: string): Pick<TrainerStatus, 'state' | 'lease'>
}

export function openReceipts(
  options: ReceiptOptions | undefined,
  trainer: TrainerStates,
): ReceiptService {
  return {
    async find(id, { source, sources } = {}) {
      if (options === undefined) throw failure('FEEDBACK_UNKNOWN', 'no feedback is taken in here')
      checkHere(options.model, trainer)
      const event = { source: source ?? options.source, id }
      const refused = refusedSource(event.source, sources)
      if (refused !== undefined) throw refused
      const fate = isUnread(options, event) ? undefined : await options.reader.find(event)
      if (fate !== undefined) return { ...event, ...fateOf(fate) }
      if (options.inbox?.offsetOf(event) !== undefined) return { ...event, state: 'received' }
      throw failure('FEEDBACK_UNKNOWN', `no event ${id} of the source ${event.source} is known`, {
        details: { ...event },
      })
    },
  }
}

/** In a fleet the checkpoint is on the daemon that trains the model. */
function checkHere(model: string, trainer: TrainerStates): void {
  const { state, lease } = trainer.status(model)
  if (state !== 'standby') return
  const holder = lease?.holder ?? 'another daemon'
  throw failure('TRAINED_ELSEWHERE', `${model} is trained by ${holder}`, { details: { holder } })
}

/** The newest signal of this event is one that the last checkpoint has not read. */
function isUnread({ inbox, reader, source }: ReceiptOptions, event: EventIdentity): boolean {
  const offset = inbox?.offsetOf(event)
  if (offset === undefined) return false
  const position = reader.readTo(source)
  // In a fleet positions are those of the stream that all inboxes go into.
  if (position !== undefined && /^\d+$/.test(position)) return offset >= Number(position)
  return offset >= (inbox?.marks().consumed ?? 0)
}

function fateOf(found: LoggedReceipt): Fate {
  const { state, note, rollback, isOlder, ...learned } = found
  switch (state) {
    case 'pending':
    case 'relearning':
      return { state: 'waiting', for: 'update', ...learned }
    case 'waiting':
      return { state: 'waiting', for: 'prediction', ...learned }
    case 'learned':
      return { state, ...learned, ...(isOlder && { isOlder }) }
    case 'held_out':
      return { state, ...learned }
    case 'set_aside':
      return { state, ...learned, ...(rollback && { rollback }) }
    case 'quarantined':
      return { state, ...learned, message: note?.message ?? 'it is in quarantine' }
    case 'rejected':
      return { state, ...note }
    case 'discarded':
      return { state: 'rejected', ...refusal('discarded') }
    case 'crowded_out':
      return { state: 'rejected', ...refusal('crowded_out') }
    case 'superseded':
    case 'retracted':
    case 'forgotten':
      return { state }
    case 'replaced':
      return { state: 'superseded' }
  }
}

const reasons = {
  discarded: 'it was set aside by a rollback or kept in quarantine, and then discarded',
  crowded_out: 'it was set aside by a rollback, and too many events were set aside after it',
} as const

function refusal(state: keyof typeof reasons) {
  return { code: refusedAs[state], message: reasons[state] }
}
