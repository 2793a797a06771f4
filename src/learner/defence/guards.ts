/** What changes the judgement of a single example: a drift of the stream, and a cap on what one period may bring. */
import type { Json } from '../../contracts/core.ts'

/** Contradictions that noise may explain: 40 % wrong labels stay below it. */
const ALLOWANCE = 0.5
/** The threshold of a single source; with n sources each needs √n times less. */
const THRESHOLD = 5
const LEAST_THRESHOLD = 1.5
const MOST = 8
/** Sources with a voice in one stratum. */
const SOURCES = 32
/** Events of a stratum after which a silent source has no voice in it. */
const SILENT = 200

interface Voice {
  sum: number
  /** Its last event, as a count of the stratum's events. */
  at: number
}

interface Stratum {
  events: number
  readonly voices: Map<string, Voice>
}

export interface DriftGuardState {
  readonly [key: string]: Json
  readonly strata: readonly (readonly [
    stratum: string,
    events: number,
    voices: readonly (readonly [source: string, sum: number, at: number])[],
  ])[]
}

/**
 * Distinguishes a change of the world from an attack: when most sources of a stratum are contradicted at once, it is the model
 * that is wrong, and its examples are learned again.
 *
 * For each stratum and source a cumulative sum of contradictions over the allowance is kept, as in Page's test; the
 * stratum has changed when the sums of more than half of its recent sources are over the threshold, and it stays so until
 * they have fallen back. One source with most of the volume is one voice.
 *
 *   c ← max(0, min(most, c + contradicted − allowance))
 *
 * Page (1954), "Continuous inspection schemes", Biometrika 41.
 */
export class DriftGuard {
  readonly #limit: number
  readonly #strata = new Map<string, Stratum>()

  /** `limit`: strata with counts of their own. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** `source`: undefined if the event's has no voice. */
  saw(stratum: string, source: string | undefined, isContradicted: boolean): void {
    if (source === undefined) return
    const own = this.#strata.get(stratum) ?? { events: 0, voices: new Map<string, Voice>() }
    renew(this.#strata, stratum, own, this.#limit)
    own.events += 1
    const sum = (own.voices.get(source)?.sum ?? 0) + (isContradicted ? 1 : 0) - ALLOWANCE
    const voice = { sum: Math.max(0, Math.min(MOST, sum)), at: own.events }
    renew(own.voices, source, voice, SOURCES)
  }

  hasChanged(stratum: string): boolean {
    const own = this.#strata.get(stratum)
    if (own === undefined) return false
    const voices = [...own.voices.values()].filter(({ at }) => own.events - at < SILENT)
    const threshold = Math.max(LEAST_THRESHOLD, THRESHOLD / Math.sqrt(voices.length))
    const contradicted = voices.filter(({ sum }) => sum >= threshold)
    return 2 * contradicted.length > voices.length
  }

  snapshot(): DriftGuardState {
    const strata = [...this.#strata].map(([stratum, { events, voices }]) => {
      const rows = [...voices].map(([source, { sum, at }]) => [source, sum, at] as const)
      return [stratum, events, rows] as const
    })
    return { strata }
  }

  restore({ strata }: DriftGuardState): void {
    this.#strata.clear()
    for (const [stratum, events, voices] of strata) {
      const own = voices.map(([source, sum, at]) => [source, { sum, at }] as const)
      this.#strata.set(stratum, { events, voices: new Map(own) })
    }
  }
}

/**
 * Sets an entry of a map that is in the order of use, most recent last; the least recent leaves it when there are more
 * than `limit`.
 */
function renew<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > limit && oldest !== undefined) map.delete(oldest)
}

/** Periods since 1970, and what was counted in that one. */
export type PeriodCount = readonly [period: number, count: number]

/** At most so many in a period, an hour or a day. Periods are those of the transport's times, in UTC. */
export class PeriodCap {
  readonly #most: number
  readonly #periodMs: number
  #state: PeriodCount = [0, 0]

  constructor(most: number, periodMs: number) {
    this.#most = most
    this.#periodMs = periodMs
  }

  count(timeMs = 0): void {
    const [period, count] = this.#at(timeMs)
    this.#state = [period, count + 1]
  }

  isSpent(timeMs = 0): boolean {
    return this.#at(timeMs)[1] >= this.#most
  }

  snapshot(): PeriodCount {
    return this.#state
  }

  restore(state: PeriodCount): void {
    this.#state = state
  }

  /** Periods never go back: an old time counts for the present one. */
  #at(timeMs: number): PeriodCount {
    const period = Math.max(this.#state[0], Math.floor(timeMs / this.#periodMs))
    return period === this.#state[0] ? this.#state : [period, 0]
  }
}
