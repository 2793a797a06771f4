/**
 * What an item that was shown has earned, such as 1 for a click, and that an item was shown: until it is rewarded it
 * has earned nothing. The propensity is the server's own; who sends it along has it checked.
 */
import type { Json } from '../../contracts/core.ts'
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, given, hasUnprintable, isObject, refuse } from '../reading.ts'

export type RewardSignal = Readonly<{
  kind: 'reward'
  item: string
  reward: number
  propensity?: number
}>

/** An item of an answer; with its reward, or shown. */
export const ITEM_CHARACTERS = 128

type NumberLimits = Pick<Limits, 'feature_magnitude'>

export const reward: SignalKind<RewardSignal> = {
  name: 'reward',
  summary: 'what an item that was shown has earned',
  words: ['item', 'reward'],
  also: ['propensity'],
  about: 'answer',
  flags: {
    item: { description: 'id of an item that was shown', as: 'text' },
    reward: { description: 'what that item has earned, such as 1 for a click', as: 'number' },
  },
  read(value, { feature_magnitude: most }: NumberLimits, pointer) {
    const said = isObject(value) ? value : {}
    const item = readItem(given(said, 'item'), below(pointer, 'item'))
    const earned = numberIn(given(said, 'reward'), below(pointer, 'reward'), [-most, most])
    const propensity = given(said, 'propensity')
    if (propensity === undefined) return { kind: 'reward', item, reward: earned }
    const checked = numberIn(propensity, below(pointer, 'propensity'), [0, 1])
    return { kind: 'reward', item, reward: earned, propensity: checked }
  },
  schema: ({ feature_magnitude: most }: NumberLimits) => ({
    item: itemSchema('the item that was rewarded, by its id in the answer'),
    reward: {
      type: 'number',
      description: 'what it has earned, within the bounds of the task: 1 for a click, 0 for none',
      minimum: -most,
      maximum: most,
    },
  }),
}

export function readItem(value: Json | undefined, pointer: string): string {
  if (value === undefined) throw refuse('REWARD_INVALID', pointer, 'is missing')
  if (typeof value === 'string' && value !== '' && value.length <= ITEM_CHARACTERS)
    if (!hasUnprintable(value)) return value
  const why = `printable text of 1 to ${ITEM_CHARACTERS} characters`
  throw refuse('REWARD_INVALID', pointer, why)
}

export function itemSchema(description: string) {
  return { type: 'string', description, minLength: 1, maxLength: ITEM_CHARACTERS }
}

function numberIn(
  value: Json | undefined,
  pointer: string,
  [least, most]: readonly [number, number],
): number {
  if (value === undefined) throw refuse('REWARD_INVALID', pointer, 'is missing')
  if (typeof value === 'number' && value >= least && value <= most) return value + 0
  throw refuse('REWARD_INVALID', pointer, `a number from ${least} to ${most}`)
}
