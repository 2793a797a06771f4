/**
 * Receipts: what became of one event of feedback, in exactly one state. What the trainer has read is in its checkpoint;
 * before that an event is durable in the inbox. The newest signal under an id counts. In a fleet the checkpoint is on
 * the daemon that trains the model, and the event may be in the inbox of any: the others are asked.
 */
import type { LoggedReceipt, ReceiptReader } from '../../../checkpoint/event-log/receipts.ts'
import { refusedAs } from '../../../checkpoint/event-log/states.ts'
import type { EventIdentity } from '../../../contracts/core.ts'
import { failure } from '../../../platform/errors.ts'
import type { Inbox } from '../../../intake/inbox/inbox.ts'
import { refusedSource } from './source-limit.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'

export type Receipt = EventIdentity & Fate

/** Each state says some of these. */
export interface Fate extends Pick<
  LoggedReceipt,
  'version' | 'weight' | 'slice' | 'timeMs' | 'rollback' | 'remembered'
> {
  /** `received`: durable here, and not read by the trainer, or read and not saved. */
  readonly state:
    | ('received' | 'waiting' | 'learned' | 'held_out' | 'rejected' | 'set_aside')
    | ('quarantined' | 'superseded' | 'retracted' | 'forgotten')
  readonly for?: 'prediction' | 'update'
  /** Absent where an earlier release put it into quarantine. */
  readonly why?: string
  /** Absent where it fell out of the log, as is the version that learned it. */
  readonly code?: string
  readonly message?: string
  readonly isOlder?: true
}

export interface ReceiptService {
  /**
   * `source`: absent = the one of feedback over HTTP. `sources`: those that the asker may speak for; absent = all. Throws
   * `FEEDBACK_UNKNOWN`, `SOURCE_REFUSED`, `TRAINED_ELSEWHERE`, `TRAINER_BUSY`.
   */
  find(
    id: string,
    of?: {
      readonly source?: string | undefined
      readonly sources?: readonly string[] | undefined
    },
  ): Promise<Receipt>
  /** This daemon's own knowledge of an event: its part of the answer to another daemon. */
  here(event: EventIdentity): Promise<KnownEvent>
}

/** One daemon's knowledge of an event; plain JSON. */
export interface KnownEvent {
  /** It trains the model: no other daemon knows a fate. */
  readonly trains: boolean
  /** The newest signal is in its inbox, and the trainer has not read it. */
  readonly isUnread: boolean
  /** It has accepted the event. */
  readonly isAccepted: boolean
  readonly fate?: Fate
  /** Of the daemon that trains: what an event has become that was read and left nothing; absent if that is not certain. */
  readonly left?: 'forgotten' | 'rejected'
}

export interface ReceiptQuestion extends EventIdentity {
  readonly model: string
}

/** Asks the other daemons of the fleet; ends at the first answer with a fate. */
export type AskReceipts = (question: ReceiptQuestion) => Promise<readonly KnownEvent[]>

export interface ReceiptOptions {
  readonly model: string
  /** The source of events that name none, which is also the one that reads the inbox. */
  readonly source: string
  readonly reader: ReceiptReader
  /** Absent if feedback is not taken in. */
  readonly inbox?: Pick<Inbox, 'offsetOf' | 'marks'> | undefined
}

interface TrainerStates {
  status(model: string): Pick<TrainerStatus, 'state' | 'lease' | 'lag'>
}

interface Around {
  readonly trainer: TrainerStates
  /** Absent for a single daemon. */
  readonly askFleet?: AskReceipts | undefined
}

const NOTHING: KnownEvent = { trains: false, isUnread: false, isAccepted: false }

export function openReceipts(options: ReceiptOptions | undefined, around: Around): ReceiptService {
  const here = async (event: EventIdentity) =>
    options === undefined ? NOTHING : knownHere(options, around, event)
  return {
    here,
    async find(id, { source, sources } = {}) {
      if (options === undefined) throw failure('FEEDBACK_UNKNOWN', 'no feedback is taken in here')
      const event = { source: source ?? options.source, id }
      const refused = refusedSource(event.source, sources)
      if (refused !== undefined) throw refused
      const own = await here(event)
      if (own.isUnread) return { ...event, state: 'received' }
      if (own.fate !== undefined) return { ...event, ...own.fate }
      const known = async () => {
        const others = (await around.askFleet?.({ model: options.model, ...event })) ?? []
        return [await here(event), ...others]
      }
      const isFleet = around.askFleet !== undefined
      const found = fateIn([own, ...(await known()).slice(1)], isFleet)
      // A trainer may have saved it between two answers: what seems to have left nothing is asked for again.
      const sure = found.kind === 'left' && isFleet ? fateIn(await known(), isFleet) : found
      if (sure.kind !== 'unknown') return { ...event, ...sure.fate }
      if (!sure.isTrained) throw unanswered(options.model, around.trainer, isFleet)
      throw failure('FEEDBACK_UNKNOWN', `no event ${id} of the source ${event.source} is known`, {
        details: { ...event },
      })
    },
  }
}

type FateFinding =
  | { readonly kind: 'known' | 'left'; readonly fate: Fate }
  | { readonly kind: 'unknown'; readonly isTrained: boolean }

function fateIn(known: readonly KnownEvent[], isFleet: boolean): FateFinding {
  const fate = known.find((each) => each.fate !== undefined)?.fate
  if (fate !== undefined) return { kind: 'known', fate }
  if (known.some(({ isUnread }) => isUnread)) return { kind: 'known', fate: { state: 'received' } }
  const trainer = known.find(({ trains }) => trains)
  if (trainer === undefined) return { kind: 'unknown', isTrained: false }
  const isAccepted = known.some((each) => each.isAccepted)
  if (isAccepted && trainer.left !== undefined)
    return { kind: 'left', fate: { state: trainer.left } }
  return isAccepted && isFleet
    ? { kind: 'known', fate: { state: 'received' } }
    : { kind: 'unknown', isTrained: true }
}

/**
 * It was read, and no word of it is kept: it was erased before that, or refused long ago. Undefined if it may also have
 * been learned, so long ago that its id is not known any more.
 */
function leftNothing(
  reader: ReceiptReader,
  event: EventIdentity,
): 'forgotten' | 'rejected' | undefined {
  if (reader.mayBeForgotten(event)) return 'forgotten'
  return reader.hasDroppedIds() ? undefined : 'rejected'
}

async function knownHere(
  options: ReceiptOptions,
  around: Around,
  event: EventIdentity,
): Promise<KnownEvent> {
  const trains = trainsHere(options.model, around.trainer, around.askFleet !== undefined)
  const isAccepted = options.inbox?.offsetOf(event) !== undefined
  const isUnread = isAccepted && isUnreadHere(options, event, trains)
  const found = trains && !isUnread ? await options.reader.find(event) : undefined
  const known = { trains, isUnread, isAccepted }
  if (found !== undefined) return { ...known, fate: fateOf(found) }
  // A successor may have begun at an older place of the stream, and not read it yet.
  const isRead = around.askFleet === undefined || around.trainer.status(options.model).lag === 0
  const left = trains && !isUnread && isRead ? leftNothing(options.reader, event) : undefined
  return { ...known, ...(left !== undefined && { left }) }
}

/** The newest signal of this event is one that the last checkpoint has not read. */
function isUnreadHere(
  { inbox, reader, source }: ReceiptOptions,
  event: EventIdentity,
  trains: boolean,
): boolean {
  const offset = inbox?.offsetOf(event)
  if (offset === undefined) return false
  const position = trains ? reader.readTo(source) : undefined
  // In a fleet positions are those of the stream that all inboxes go into.
  if (position !== undefined && /^\d+$/.test(position)) return offset >= Number(position)
  return offset >= (inbox?.marks().consumed ?? 0)
}

function fateOf(found: LoggedReceipt): Fate {
  const { state, note, rollback, isOlder, isKept, ...learned } = found
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
      return {
        ...{ state, ...learned, message: note?.message ?? 'it is in quarantine' },
        ...(note && { why: note.code }),
      }
    case 'rejected':
      return { state, ...note }
    case 'discarded':
      return { state: 'rejected', ...refusal('discarded') }
    case 'crowded_out':
      return { state: 'rejected', ...refusal('crowded_out') }
    case 'retracted':
      return { state, ...(isKept && { message: kept }) }
    case 'superseded':
    case 'forgotten':
      return { state }
    case 'replaced':
      return { state: 'superseded' }
  }
}

const kept =
  'replay and memory are without it; the weights keep what it taught, because only exact sums of named answers lose an event: antikythera forget removes it from them'

const reasons = {
  discarded: 'it was set aside by a rollback or kept in quarantine, and then discarded',
  crowded_out: 'it was set aside by a rollback, and too many events were set aside after it',
} as const

function refusal(state: keyof typeof reasons) {
  return { code: refusedAs[state], message: reasons[state] }
}

/** The checkpoint of a daemon that trained the model earlier is old; so may be that of one that starts in a fleet. */
export function trainsHere(model: string, trainer: TrainerStates, isFleet: boolean): boolean {
  const { state } = trainer.status(model)
  return state !== 'standby' && (!isFleet || state !== 'starting')
}

/** The trainer's part of an answer is missing: without shared state it cannot be asked, else it was silent. */
export function unanswered(model: string, trainer: TrainerStates, isFleet: boolean): Error {
  const holder = trainer.status(model).lease?.holder ?? 'another daemon'
  const text = `${model} is trained by ${holder}`
  if (!isFleet) return failure('TRAINED_ELSEWHERE', text, { details: { holder } })
  return failure('TRAINER_BUSY', `${text}, which did not answer in time`, { details: { holder } })
}
