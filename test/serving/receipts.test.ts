/** Receipts in a fleet: what one daemon says of an event from its own files and from the answers of the others. */
import { expect, test } from 'vitest'
import type { LoggedReceipt } from '../../src/checkpoint/event-log/receipts.ts'
import {
  openReceipts,
  type KnownEvent,
  type ReceiptOptions,
} from '../../src/serving/services/feedback/receipts.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import { rejection } from '../coded.ts'

interface Here {
  readonly state?: TrainerStatus['state']
  readonly logged?: LoggedReceipt
  /** In its own inbox, at this offset; everything below 10 is in the stream of the fleet. */
  readonly offset?: number
  /** Undefined = no fleet. */
  readonly others?: readonly KnownEvent[]
  readonly isForgotten?: boolean
  readonly hasDroppedIds?: boolean
  readonly lag?: number
}

function receiptsOf({ state = 'standby', logged, offset, others, ...here }: Here) {
  const { isForgotten = false, hasDroppedIds = false, lag = 0 } = here
  const options: ReceiptOptions = {
    ...{ model: 'm', source: 'http' },
    reader: {
      find: async () => logged,
      readTo: () => undefined,
      mayBeForgotten: () => isForgotten,
      hasDroppedIds: () => hasDroppedIds,
      close: () => undefined,
    },
    inbox: { offsetOf: () => offset, marks: () => ({ begin: 0, end: 20, consumed: 10 }) },
  }
  const trainer = {
    status: () => ({ state, lag, lease: { holder: 'two', epoch: 3, expiresMs: 0 } }),
  }
  const askFleet = others && (async () => others)
  return openReceipts(options, { trainer, askFleet })
}

const nothing = { trains: false, isUnread: false, isAccepted: false }
const trainerThere = { ...nothing, trains: true }
const learned = { state: 'learned', version: 'v3', weight: 1 } as const

test.each<[why: string, here: Here, receipt: object]>([
  [
    'the fate is the one that the training daemon knows',
    { others: [nothing, { ...trainerThere, fate: learned }] },
    learned,
  ],
  [
    'this daemon trains: nothing that others say is needed',
    { state: 'idle', logged: learned, others: [] },
    learned,
  ],
  [
    'this daemon trained earlier: its old checkpoint says nothing',
    { logged: learned, others: [{ ...trainerThere, fate: { state: 'forgotten' } }] },
    { state: 'forgotten' },
  ],
  [
    'this daemon starts in a fleet: its checkpoint may be old',
    {
      state: 'starting',
      logged: learned,
      others: [{ ...trainerThere, fate: { state: 'set_aside' } }],
    },
    { state: 'set_aside' },
  ],
  [
    'not yet in the stream of the fleet, whatever was learned under the id before',
    { offset: 12, others: [{ ...trainerThere, fate: learned }] },
    { state: 'received' },
  ],
  [
    'in the stream, and not read by the trainer',
    { offset: 4, others: [trainerThere] },
    { state: 'received' },
  ],
  [
    'read by the fleet, which keeps nothing of it: a daemon that joined had learned it before',
    { offset: 4, others: [{ ...trainerThere, left: 'rejected' }] },
    { state: 'rejected' },
  ],
  [
    'the same, of the daemon that trains now',
    { state: 'idle', others: [{ ...nothing, isAccepted: true }] },
    { state: 'rejected' },
  ],
  [
    'the same, while that one has not read the whole stream',
    { state: 'idle', lag: 3, others: [{ ...nothing, isAccepted: true }] },
    { state: 'received' },
  ],
  [
    'in the inbox of a third daemon',
    { state: 'idle', others: [{ ...nothing, isAccepted: true, isUnread: true }] },
    { state: 'received' },
  ],
  [
    'read, and erased before that: it is forgotten, and will not be learned',
    { state: 'idle', offset: 4, isForgotten: true },
    { state: 'forgotten' },
  ],
  [
    'read, and refused so long ago that nothing is known of it',
    { state: 'idle', offset: 4 },
    { state: 'rejected' },
  ],
  [
    'durable in an inbox: no trainer need answer',
    { others: [{ ...nothing, isAccepted: true, isUnread: true }] },
    { state: 'received' },
  ],
])('a receipt in a fleet: %s', async (_why, here, receipt) => {
  expect(await receiptsOf(here).find('e-1')).toEqual({ source: 'http', id: 'e-1', ...receipt })
})

test.each<[why: string, here: Here, code: string]>([
  ['there is no fleet to ask', {}, 'TRAINED_ELSEWHERE'],
  ['the training daemon is silent', { others: [nothing] }, 'TRAINER_BUSY'],
  ['the same, for an event that was accepted here', { offset: 4, others: [] }, 'TRAINER_BUSY'],
  [
    'read, and so long ago that it may have been learned or refused',
    { state: 'idle', offset: 4, hasDroppedIds: true },
    'FEEDBACK_UNKNOWN',
  ],
  ['no daemon knows it', { others: [trainerThere, nothing] }, 'FEEDBACK_UNKNOWN'],
])('no receipt: %s', async (_why, here, code) => {
  const error = await rejection(receiptsOf(here).find('e-1'))
  expect(error.code).toBe(code)
  if (code.startsWith('TRAINE')) expect(error.details).toEqual({ holder: 'two' })
})
