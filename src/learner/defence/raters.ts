/**
 * How much a rating says, by how its rater rates: who likes nothing says little with a thumb down. With r the share of such ratings of this
 * rater, and m the median of that share over all others, each of them one voice whatever it sends:
 *
 *   weight = min(1, m / r)         r = (n_verdict + 1) / (n + 2)
 *
 * So a rater's thumbs down together weigh no more than the usual share of them, and where all complain, complaints count in full. A name costs a sender
 * nothing: those that have rated less than `FEW` times are one rater together. Sums fade, so that the last `HORIZON` ratings count.
 *
 * Its state is part of the checkpoint; a rollback does not change it.
 */

/** Ratings from which a name is a rater of its own. */
const FEW = 5
/** Other raters that it takes to say what is usual. */
const VOICES = 3
const HORIZON = 200
/** Those who were silent longest are forgotten. */
const RATERS = 1000

export type Verdict = 1 | -1

interface Tally {
  readonly ups: number
  readonly downs: number
}

export type RatersState = readonly (readonly [source: string, ups: number, downs: number])[]

export class Raters {
  /** In the order of their last ratings. */
  readonly #tallies = new Map<string, Tally>()

  /**
   * Counts a rating, and answers its weight, above 0 and at most 1. `replaces`: an earlier one of the same event, which is taken for
   * the opposite, so that a rater who changes each of them does not look balanced.
   */
  weigh(source: string, verdict: Verdict, { replaces = false } = {}): number {
    const own = added(this.#tallies.get(source) ?? nothing, verdict, replaces)
    this.#tallies.delete(source)
    this.#tallies.set(source, own)
    const [oldest] = this.#tallies.keys()
    if (this.#tallies.size > RATERS && oldest !== undefined) this.#tallies.delete(oldest)
    const isNew = countOf(own) < FEW
    const [newcomers, others] = this.#voices(isNew ? undefined : source)
    const usual = (isNew ? others : [...others, ...newcomers]).map((each) => share(each, verdict))
    if (usual.length < VOICES) return 1
    const rater = isNew ? (newcomers[0] ?? own) : own
    return Math.min(1, median(usual) / share(rater, verdict))
  }

  /** All new names as one rater, none if there are none; and the others but this one. */
  #voices(
    but: string | undefined,
  ): readonly [newcomers: readonly Tally[], others: readonly Tally[]] {
    let newcomers = nothing
    const others: Tally[] = []
    for (const [source, tally] of this.#tallies) {
      if (countOf(tally) < FEW)
        newcomers = { ups: newcomers.ups + tally.ups, downs: newcomers.downs + tally.downs }
      else if (source !== but) others.push(tally)
    }
    return [countOf(newcomers) === 0 ? [] : [newcomers], others]
  }

  /** A rating that was counted is retracted. */
  takeBack(source: string, verdict: Verdict): void {
    const { ups, downs } = this.#tallies.get(source) ?? nothing
    const [up, down] = verdict === 1 ? [1, 0] : [0, 1]
    const left = { ups: Math.max(0, ups - up), downs: Math.max(0, downs - down) }
    if (this.#tallies.has(source)) this.#tallies.set(source, left)
  }

  forget(source: string): void {
    this.#tallies.delete(source)
  }

  snapshot(): RatersState {
    return [...this.#tallies].map(([source, { ups, downs }]) => [source, ups, downs])
  }

  restore(state: RatersState): void {
    this.#tallies.clear()
    for (const [source, ups, downs] of state) this.#tallies.set(source, { ups, downs })
  }
}

const nothing: Tally = { ups: 0, downs: 0 }

function added({ ups, downs }: Tally, verdict: Verdict, replaces: boolean): Tally {
  const kept = 1 - 1 / HORIZON
  const without = replaces ? 1 : 0
  return verdict === 1
    ? { ups: ups * kept + 1, downs: Math.max(0, downs * kept - without) }
    : { ups: Math.max(0, ups * kept - without), downs: downs * kept + 1 }
}

function countOf({ ups, downs }: Tally): number {
  return ups + downs
}

function share(tally: Tally, verdict: Verdict): number {
  const own = verdict === 1 ? tally.ups : tally.downs
  return (own + 1) / (countOf(tally) + 2)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return ((low ?? 0) + (high ?? 0)) / 2
}
