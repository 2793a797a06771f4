/** The events that sources without a review have taught on the last day. Days are those of the transport's times, in UTC. */

/** Days since 1970, and the events on that day. */
export type DayCount = readonly [day: number, events: number]

const DAY_MS = 86_400_000

export class DailyCap {
  readonly #most: number
  #day: DayCount = [0, 0]

  /** `most`: events a day. */
  constructor(most: number) {
    this.#most = most
  }

  learned(timeMs: number | undefined): void {
    const [day, events] = this.#dayOf(timeMs)
    this.#day = [day, events + 1]
  }

  isSpent(timeMs: number | undefined): boolean {
    return this.#dayOf(timeMs)[1] >= this.#most
  }

  snapshot(): DayCount {
    return this.#day
  }

  restore(day: DayCount): void {
    this.#day = day
  }

  /** Days never go back: an old time counts for the present day. */
  #dayOf(timeMs: number | undefined): DayCount {
    const day = Math.max(this.#day[0], Math.floor((timeMs ?? 0) / DAY_MS))
    return day === this.#day[0] ? this.#day : [day, 0]
  }
}
