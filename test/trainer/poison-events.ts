/** Feedback of honest sources that send in turns, and of a hostile one that says the opposite and sends most. */
import { openRandom } from '../../src/platform/random.ts'
import { event } from './events.ts'

const words = { yes: ['good', 'fine', 'glad'], no: ['awful', 'bad', 'sour'] } as const
const other = { yes: 'no', no: 'yes' } as const

export interface PoisonPlan {
  readonly honest: number
  readonly sources?: number
  /** Hostile events after each honest one, from event `from` on. */
  readonly hostile?: number
  /** How many names the hostile source makes up, `x0` and so on; Infinity: a new one for each event; absent = `hostile`. */
  readonly names?: number
  readonly from?: number
  /** The names are those of honest people: what they say is right. */
  readonly areRight?: boolean
  /** The share of honest events whose label is wrong. */
  readonly flips?: number
  /** From this event on every label means the opposite. */
  readonly turnsAt?: number
  readonly seed?: number
}

export function poisoned(plan: PoisonPlan): readonly string[] {
  const { honest, sources = 6, hostile = 0, from = 0, flips = 0, turnsAt = Infinity } = plan
  const random = openRandom(plan.seed ?? 1, 'poison')
  const nameOf = (event: number) => {
    if (plan.names === undefined) return 'hostile'
    return `x${plan.names === Infinity ? event : event % plan.names}`
  }
  const text = (label: 'yes' | 'no') =>
    `${words[label][random.below(3)]!} ${words[label][random.below(3)]!} ${random.below(99)}`
  return Array.from({ length: honest }, (_, at) => {
    const truth = random.below(2) === 0 ? 'yes' : 'no'
    const isWrong = random.uniform() < flips !== at >= turnsAt
    const own = event({
      ...{ id: `h-${at}`, source: `s${random.below(sources)}`, text: text(truth) },
      label: isWrong ? other[truth] : truth,
    })
    const bad = Array.from({ length: at >= from ? hostile : 0 }, (_each, each) => {
      const label = random.below(2) === 0 ? 'yes' : 'no'
      const source = nameOf(at * hostile + each)
      const fields = { id: `x-${at}-${each}`, source, text: text(label) }
      return event({ ...fields, label: plan.areRight === true ? label : other[label] })
    })
    return [...bad, own]
  }).flat()
}
