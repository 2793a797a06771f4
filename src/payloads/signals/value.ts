/** The right number for an input. */
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { refuse } from '../reading.ts'

export type ValueSignal = Readonly<{ kind: 'value'; value: number }>

type NumberLimits = Pick<Limits, 'feature_magnitude'>

export const value: SignalKind<ValueSignal> = {
  name: 'value',
  summary: 'the right number for an input',
  words: ['value'],
  isCorrection: true,
  about: 'input',
  flags: {
    value: { description: 'right value, for a model that answers numbers', as: 'number' },
  },
  read(given, { feature_magnitude: most }: NumberLimits, pointer) {
    if (typeof given !== 'number') throw refuse('VALUE_INVALID', pointer, 'a value is a number')
    if (Math.abs(given) > most)
      throw refuse('VALUE_INVALID', pointer, `at most ${most} in magnitude`)
    // Minus zero becomes zero, as JSON writes it.
    return { kind: 'value', value: given + 0 }
  },
  schema: ({ feature_magnitude: most }: NumberLimits) => ({
    value: { type: 'number', description: 'the right number', minimum: -most, maximum: most },
  }),
}
