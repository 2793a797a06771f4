/**
 * Reservoir sampling: every example of the stream so far is kept with equal probability.
 *
 * The default, because it needs no notion of task or class. Under drift it forgets slowly by design.
 *
 *   P(kept) = capacity / seen
 *
 * A removed example leaves an empty place, which is drawn like any other: so removals change nothing for those that stay.
 *
 * Vitter (1985), "Random sampling with a reservoir", ACM TOMS 11(1), algorithm R. Draws are Floyd's: Bentley & Floyd
 * (1987), "A sample of brilliance", CACM 30(9).
 */
import type { Json, PolicyKind, Random, Replay } from '../../src/contracts.ts'

export const reservoir: PolicyKind<Replay, { readonly capacity: number }> = {
  summary: 'keeps every example of the stream with equal probability',
  settings: {
    capacity: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 2000,
      description: 'examples kept for replay',
    },
  },
  open: ({ capacity }) => new Reservoir(capacity),
}

interface ReservoirState {
  readonly [key: string]: Json
  readonly seen: number
  readonly keys: readonly string[]
}

class Reservoir implements Replay {
  readonly #capacity: number
  #seen = 0
  #keys: string[] = []
  /** key → its place in `#keys`, so that removal takes one step. */
  readonly #places = new Map<string, number>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#keys.length
  }

  offer({ key }: { readonly key: string }, random: Random): string | undefined {
    if (this.#places.has(key)) return undefined
    this.#seen += 1
    if (this.#seen <= this.#capacity) return this.#put(this.size, key)
    const place = random.below(this.#seen)
    // Places from `size` on are the empty ones.
    return place < this.#capacity ? this.#put(Math.min(place, this.size), key) : key
  }

  draw(count: number, random: Random): readonly string[] {
    const places = new Set<number>()
    for (let last = Math.max(0, this.size - count); last < this.size; last += 1) {
      const place = random.below(last + 1)
      places.add(places.has(place) ? last : place)
    }
    return [...places].map((place) => this.#keys[place] ?? '')
  }

  remove(key: string): void {
    const place = this.#places.get(key)
    const last = this.#keys.at(-1)
    if (place === undefined || last === undefined) return
    this.#put(place, last)
    this.#keys.pop()
    this.#places.delete(key)
  }

  keys(): readonly string[] {
    return [...this.#keys]
  }

  snapshot(): Json {
    return { seen: this.#seen, keys: this.keys() }
  }

  /** A smaller capacity than before keeps an even selection, so that old and new lose alike. */
  restore(state: Json): void {
    const { seen, keys } = ownState(state)
    const size = Math.min(keys.length, this.#capacity)
    const places = Array.from({ length: size }, (_, at) => Math.floor((at * keys.length) / size))
    this.#seen = seen
    this.#keys = places.map((place) => keys[place] ?? '')
    this.#places.clear()
    for (const [place, key] of this.#keys.entries()) this.#places.set(key, place)
  }

  /** Answers the key that had the place. */
  #put(place: number, key: string): string | undefined {
    const before = this.#keys[place]
    if (before !== undefined) this.#places.delete(before)
    this.#keys[place] = key
    this.#places.set(key, place)
    return before
  }
}

/** What another policy left behind means nothing here: begin empty. */
function ownState(state: Json): ReservoirState {
  const own = state !== null && typeof state === 'object' && 'seen' in state && 'keys' in state
  return own ? (state as ReservoirState) : { seen: 0, keys: [] }
}
