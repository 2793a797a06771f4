/** That an item was shown: if no reward comes within the window of its model, it has earned nothing. */
import type { SignalKind } from '../../contracts/payload.ts'
import { itemSchema, readItem } from './reward.ts'

export type ShownSignal = Readonly<{ kind: 'shown'; shown: string }>

export const shown: SignalKind<ShownSignal> = {
  name: 'shown',
  summary: 'an item was shown; without a reward within the window it has earned nothing',
  words: ['shown'],
  about: 'answer',
  read: (value, _limits, pointer) => ({ kind: 'shown', shown: readItem(value, pointer) }),
  schema: () => ({
    shown: itemSchema('the item that was shown; the daemon says it itself when it answers'),
  }),
}
