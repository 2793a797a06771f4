/**
 * What is remembered of each source: how much of what was recently learned came from it, and how often the other
 * examples agreed with it. Sums fade with each event, so that they speak for about the last `HORIZON` events.
 *
 *   trust(s) = 1                                   where its agreement may be half as good as that of the others
 *              → 0                                 where it is surely no better than guessing
 *
 * A source is measured against the others, so that noise that all of them share, or a drift that all of them follow, costs none of
 * them its trust. An upper confidence bound gives a new source the benefit of the doubt.
 */
import type { Json } from '../../contracts/core.ts'
import { renew } from './renew.ts'

/** Events after which a sum has faded to about a third. */
const HORIZON = 500
/** Judged examples of one source. */
const MEMORY = 100
/** One-sided 95 % of a normal distribution. */
const Z = 1.64
/** Below this edge over guessing the others say nothing. */
const FAINT = 0.1
/** A cap on a share says nothing about a handful of events. */
const HANDFUL = 3
/** Standard deviations by which a source that keeps to its share may be over it by chance. */
const CHANCE = 1
/** The faded count at which a source counts as recent: one event in about the last 1,500. */
const RECENT = 0.05

interface Row {
  /** Faded counts, as of event `at`. */
  seen: number
  learned: number
  at: number
  /** Of judged examples: their number, agreements and agreements expected by guessing. */
  judged: number
  agreed: number
  guessed: number
}

export interface RecentSourcesState {
  readonly [key: string]: Json
  readonly events: number
  readonly learned: number
  readonly rows: readonly (readonly [source: string, ...numbers: readonly number[]])[]
}

export class RecentSources {
  readonly #limit: number
  readonly #rows = new Map<string, Row>()
  #events = 0
  /** Faded, of all sources. */
  #learned = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** An event of this source arrived. */
  saw(source: string): void {
    this.#events += 1
    this.#learned *= fading(1)
    const row = this.#row(source)
    row.seen += 1
  }

  learned(source: string): void {
    this.#learned += 1
    this.#row(source).learned += 1
  }

  /** `guess`: how probable agreement was by chance. */
  judged(source: string, agrees: boolean, guess: number): void {
    const row = this.#row(source)
    const kept = 1 - 1 / MEMORY
    row.judged = row.judged * kept + 1
    row.agreed = row.agreed * kept + (agrees ? 1 : 0)
    row.guessed = row.guessed * kept + guess
  }

  /** Sources of about the last 1,500 events. */
  get recent(): number {
    let count = 0
    for (const row of this.#rows.values())
      if (row.seen * fading(this.#events - row.at) >= RECENT) count += 1
    return count
  }

  /** How many more of this source may be learned before its part of what is learned is larger than `share`. */
  room(source: string, share: number): number {
    const row = this.#rows.get(source)
    const learned = row === undefined ? 0 : row.learned * fading(this.#events - row.at)
    const most = share * (this.#learned + 1)
    return Math.floor(most + CHANCE * Math.sqrt(most * (1 - share)) + HANDFUL - learned)
  }

  /** Between 0 and 1. `isWitness`: the sources that it is measured against. */
  trust(source: string, isWitness: (source: string) => boolean): number {
    const row = this.#rows.get(source)
    if (row === undefined || row.judged < 1) return 1
    const edges = [...this.#rows]
      .filter(([name, other]) => name !== source && other.judged >= 1 && isWitness(name))
      .map(([, other]) => (other.agreed - other.guessed) / other.judged)
      .toSorted((a, b) => a - b)
    // Of two sources that contradict each other, either may be wrong: the edge of the other one decides.
    const edge = edges[Math.floor(edges.length / 2)] ?? 0
    if (edge <= FAINT) return 1
    const own = (row.agreed - row.guessed) / row.judged
    const doubt = Z * Math.sqrt(0.25 / row.judged)
    return Math.max(0, Math.min(1, (2 * (own + doubt)) / edge))
  }

  /** The sources that `trust` gives less than 1. */
  distrusted(trust: (source: string) => number): readonly (readonly [string, number])[] {
    const all = [...this.#rows.keys()].map((source) => [source, trust(source)] as const)
    return all.filter(([, value]) => value < 1)
  }

  snapshot(): RecentSourcesState {
    const rows = [...this.#rows].map(
      ([source, { seen, learned, at, judged, agreed, guessed }]) =>
        [source, seen, learned, at, judged, agreed, guessed] as const,
    )
    return { events: this.#events, learned: this.#learned, rows }
  }

  restore({ events, learned, rows }: RecentSourcesState): void {
    this.#events = events
    this.#learned = learned
    this.#rows.clear()
    for (const [source, seen = 0, own = 0, at = 0, judged = 0, agreed = 0, guessed = 0] of rows)
      this.#rows.set(source, { seen, learned: own, at, judged, agreed, guessed })
  }

  /** As of now. The map is in the order of the last events. */
  #row(source: string): Row {
    const known = this.#rows.get(source)
    const row = known ?? { seen: 0, learned: 0, at: this.#events, judged: 0, agreed: 0, guessed: 0 }
    const kept = fading(this.#events - row.at)
    row.seen *= kept
    row.learned *= kept
    row.at = this.#events
    renew(this.#rows, source, row, this.#limit)
    return row
  }
}

function fading(events: number): number {
  return Math.exp(-events / HORIZON)
}
