/** Thumbs up or down for the answer that was served. */
import type { SignalKind } from '../../contracts/payload.ts'
import { refuse } from '../reading.ts'

export type RatingSignal = Readonly<{ kind: 'rating'; rating: 1 | -1 }>

export const rating: SignalKind<RatingSignal> = {
  name: 'rating',
  summary: 'thumbs up or down for an answer',
  words: ['rating'],
  about: 'answer',
  flags: { rating: { description: 'thumbs up or down for a prediction', as: 'number' } },
  read(value, _limits, pointer) {
    if (value === 1 || value === -1) return { kind: 'rating', rating: value }
    throw refuse('EVENT_INVALID', pointer, '1 or -1', 'set rating to 1 (right) or to -1 (wrong)')
  },
  schema: () => ({
    rating: {
      type: 'integer',
      description: '1 or -1, of the answer that was served',
      enum: [1, -1],
    },
  }),
}
