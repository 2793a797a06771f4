/**
 * What a ranking is asked and what is kept of its answer: the context, all candidates, and the items that were shown, each with the
 * probability that it had of standing where it stood. The propensity never comes from a client, so none can be forged.
 */
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import { isOf, type Payload, type PayloadLimits } from '../../contracts/payload.ts'
import type {
  Candidate,
  ChoiceRequest,
  LoggedChoice,
  RankedItem,
  StoredChoice,
} from '../../contracts/choice.ts'
import { readSide } from '../../payloads/inputs/choice.ts'
import { below, given, isObject, refuse } from '../../payloads/reading.ts'
import { readItem, reward, type RewardSignal } from '../../payloads/signals/reward.ts'
import { shown, type ShownSignal } from '../../payloads/signals/shown.ts'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'

/** The input of a stored answer. */
type ChoicesInput = Readonly<{
  kind: 'choices'
  context: Json
  candidates: readonly (readonly [id: string, item: Json])[]
}>

/** The text of a stored answer. */
interface ServedOrder {
  readonly seed: string
  /** The probability of each candidate to be the first. */
  readonly odds: readonly number[]
  readonly items: readonly (readonly [id: string, propensity: number, score: number])[]
}

export function readCandidates(
  { context, candidates }: ChoiceRequest,
  limits: PayloadLimits,
): readonly Candidate[] {
  const { candidates: most } = limits as Pick<Limits, 'candidates'>
  const where = '/candidates'
  if (candidates.length === 0)
    throw refuse('CANDIDATES_INVALID', where, 'there is nothing to choose from')
  if (candidates.length > most)
    throw refuse('CANDIDATES_TOO_MANY', where, `${candidates.length}, at most ${most}`)
  const side = readSide(context, limits, '/context')
  const known = new Set<string>()
  return candidates.map((candidate, at) => {
    const place = below(where, at)
    if (!isObject(candidate))
      throw refuse('CANDIDATES_INVALID', place, 'an object with id and input')
    const id = idIn(candidate.id, below(place, 'id'))
    if (known.has(id))
      throw refuse('CANDIDATES_INVALID', below(place, 'id'), `${JSON.stringify(id)} came before`)
    known.add(id)
    const input = given(candidate, 'input')
    if (input === undefined) throw refuse('CANDIDATES_INVALID', below(place, 'input'), 'is missing')
    const item = readSide(input, limits, below(place, 'input'))
    return { id, input: { kind: 'choice', choice: { context: side, item } } }
  })
}

/** By the rules of a reward, and with the code of a request. */
function idIn(value: Json | undefined, pointer: string): string {
  try {
    return readItem(value, pointer)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw failure('CANDIDATES_INVALID', error.message, { details: error.details })
  }
}

export function servedChoice(
  candidates: readonly Candidate[],
  order: readonly RankedItem[],
  { seed, odds }: { readonly seed: string; readonly odds: readonly number[] },
): StoredChoice {
  const sides = candidates.map(({ input }) => input.choice as { context: Json; item: Json })
  const input: ChoicesInput = {
    kind: 'choices',
    context: sides[0]?.context ?? null,
    candidates: candidates.map(({ id }, at) => [id, sides[at]?.item ?? null] as const),
  }
  const items = order.map(({ id, propensity, score }) => [id, propensity, score] as const)
  const answer: ServedOrder = { seed, odds, items }
  return { input, answer: JSON.stringify(answer) }
}

export function itemOf(signal: Payload): string {
  return isOf(signal, reward) ? signal.item : (signal as ShownSignal).shown
}

export function isShown(signal: Payload): signal is ShownSignal {
  return isOf(signal, shown)
}

export function choiceOf(served: Input, signal: Payload): Input {
  const { context, candidates = [] } = served as unknown as Partial<ChoicesInput>
  const item = itemOf(signal)
  const found = candidates.find(([id]) => id === item)
  if (found === undefined || context === undefined) throw notShown(item)
  return { kind: 'choice', choice: { context, item: found[1] } }
}

export function candidatesIn(served: Input): readonly Candidate[] {
  const { context = null, candidates = [] } = served as unknown as Partial<ChoicesInput>
  return candidates.map(([id, item]) => ({
    id,
    input: { kind: 'choice', choice: { context, item } },
  }))
}

/** Of a first place; lower ones depend on what stands above them. */
export function loggedChoice(
  { place, reward: earned }: RankingTarget,
  { input, answer }: StoredChoice,
): LoggedChoice | undefined {
  const { odds = [], items = [], seed = '' } = parsed(answer)
  const ids = candidatesIn(input).map(({ id }) => id)
  const chosen = ids.indexOf(items[0]?.[0] ?? '')
  if (place !== 0 || chosen < 0 || odds.length !== ids.length) return undefined
  return { reward: earned, chosen, odds, seed }
}

export interface ShownItem {
  readonly propensity: number
  /** From 0: the first. */
  readonly place: number
  /** How many candidates there were. */
  readonly of: number
}

/** What a shown item earned: of the way from the least reward to the most. A type: it is JSON. */
export type RankingTarget = Readonly<
  ShownItem & {
    reward: number
    /** A bit for each member of the ensemble. */
    draw: number
  }
>

/** Where an item stood in a stored answer. Throws `ITEM_NOT_SHOWN` and `PROPENSITY_ALTERED`. */
export function shownItem(served: string, signal: RewardSignal | ShownSignal): ShownItem {
  const { items = [], odds = [] } = parsed(served)
  const item = itemOf(signal)
  const place = items.findIndex(([id]) => id === item)
  const propensity = items[place]?.[1]
  if (propensity === undefined) throw notShown(item)
  const claimed = isOf(signal, reward) ? signal.propensity : undefined
  if (claimed !== undefined && Math.abs(claimed - propensity) > 1e-6 * propensity) {
    const message = `${JSON.stringify(item)} was shown with another propensity than ${claimed}`
    throw failure('PROPENSITY_ALTERED', message, { details: { item, pointer: '/propensity' } })
  }
  return { propensity, place, of: odds.length }
}

function parsed(served: string): Partial<ServedOrder> {
  try {
    return JSON.parse(served) as Partial<ServedOrder>
  } catch {
    // An answer to a single input.
    return {}
  }
}

function notShown(item: string): CodedError {
  const message = `${JSON.stringify(item)} is not among the items that were shown`
  return failure('ITEM_NOT_SHOWN', message, { details: { item, pointer: '/item' } })
}
