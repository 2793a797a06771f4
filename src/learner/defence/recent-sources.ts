/**
 * The record of each source: its share of the recently learned examples, and how often the other examples agreed with
 * it. Sums fade with each event, so that they speak for about the last `HORIZON` events.
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
/** One-sided 99.9 %. */
const Z_SURE = 3.1
/** Below this edge over guessing the others say nothing. */
const FAINT = 0.1
/** The usual share of wrong labels counts as this many of its own. */
const USUAL = 20
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
  /** Judged examples: their number, the agreements, and the agreements expected by guessing. */
  judged: number
  agreed: number
  guessed: number
  /** Contradictions expected if all were right. */
  errors: number
  isConvicted: boolean
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
  judged(source: string, agrees: boolean, guess: number, error: number): void {
    const row = this.#row(source)
    const kept = 1 - 1 / MEMORY
    row.judged = row.judged * kept + 1
    row.agreed = row.agreed * kept + (agrees ? 1 : 0)
    row.guessed = row.guessed * kept + guess
    row.errors = row.errors * kept + error
  }

  /** Seen so far, of all sources. */
  get events(): number {
    return this.#events
  }

  /** Sources of about the last 1,500 events. */
  get recent(): number {
    let count = 0
    for (const row of this.#rows.values())
      if (row.seen * fading(this.#events - row.at) >= RECENT) count += 1
    return count
  }

  /** How many more examples of this source may be learned before it exceeds `share`. */
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
    const edge = this.#edgeOfOthers(source, isWitness)
    if (edge <= FAINT) return 1
    return Math.max(0, Math.min(1, (2 * upperEdge(row, Z)) / edge))
  }

  /** Whether it is surely better than guessing, by its agreements. */
  isProven(source: string): boolean {
    const row = this.#rows.get(source)
    return row !== undefined && row.judged >= 1 && upperEdge(row, -Z) > 0
  }

  /**
   * The sources that are surely worse than guessing since the last call, where the others are better: for this much more
   * is asked than for no trust. Each is named once, until it may be better again.
   */
  convict(isWitness: (source: string) => boolean): readonly string[] {
    const convicted: string[] = []
    for (const [source, row] of this.#rows) {
      if (row.judged < 1) continue
      if (row.isConvicted) row.isConvicted = upperEdge(row, Z) <= 0
      else if (upperEdge(row, Z_SURE) <= 0 && this.#edgeOfOthers(source, isWitness) > FAINT) {
        row.isConvicted = true
        convicted.push(source)
      }
    }
    return convicted
  }

  /** How much better than guessing the others are: the median of them. */
  #edgeOfOthers(source: string, isWitness: (source: string) => boolean): number {
    const edges = [...this.#rows]
      .filter(([name, other]) => name !== source && other.judged >= 1 && isWitness(name))
      .map(([, other]) => (other.agreed - other.guessed) / other.judged)
      .toSorted((a, b) => a - b)
    // If two sources contradict each other, either may be wrong: the edge of the other one decides.
    return edges[Math.floor(edges.length / 2)] ?? 0
  }

  /** The share of its labels that is wrong; `usual` is that of all. */
  wrong(source: string, usual: number): number {
    const { judged = 0, agreed = 0, errors = 0 } = this.#rows.get(source) ?? {}
    const contradicted = judged - agreed
    const own = (USUAL * usual + contradicted - errors) / (USUAL + judged - 2 * errors)
    return Math.max(0, Math.min(1, own))
  }

  /** The sources that `trust` gives less than 1. */
  distrusted(trust: (source: string) => number): readonly (readonly [string, number])[] {
    const all = [...this.#rows.keys()].map((source) => [source, trust(source)] as const)
    return all.filter(([, value]) => value < 1)
  }

  snapshot(): RecentSourcesState {
    const rows = [...this.#rows].map(
      ([source, { seen, learned, at, judged, agreed, guessed, errors, isConvicted }]) =>
        [source, seen, learned, at, judged, agreed, guessed, errors, Number(isConvicted)] as const,
    )
    return { events: this.#events, learned: this.#learned, rows }
  }

  restore({ events, learned, rows }: RecentSourcesState): void {
    this.#events = events
    this.#learned = learned
    this.#rows.clear()
    for (const [
      source,
      seen = 0,
      own = 0,
      at = 0,
      judged = 0,
      agreed = 0,
      guessed = 0,
      errors = 0,
      convicted = 0,
    ] of rows)
      this.#rows.set(source, {
        seen,
        learned: own,
        at,
        judged,
        agreed,
        guessed,
        errors,
        isConvicted: convicted === 1,
      })
  }

  /** As of now. The map is in the order of the last events. */
  #row(source: string): Row {
    const known = this.#rows.get(source)
    const row = known ?? {
      seen: 0,
      learned: 0,
      at: this.#events,
      judged: 0,
      agreed: 0,
      guessed: 0,
      errors: 0,
      isConvicted: false,
    }
    const kept = fading(this.#events - row.at)
    row.seen *= kept
    row.learned *= kept
    row.at = this.#events
    renew(this.#rows, source, row, this.#limit)
    return row
  }
}

/** The most that it may be better than guessing; the least where `z` is negative. */
function upperEdge({ judged, agreed, guessed }: Row, z: number): number {
  return (agreed - guessed) / judged + z * Math.sqrt(0.25 / judged)
}

function fading(events: number): number {
  return Math.exp(-events / HORIZON)
}
