/**
 * Simulated time: it stands still while anything can happen, and then jumps to the next moment that somebody waits for.
 * Equal moments come in the order in which they were asked for, so that a seed always tells one story.
 */
import { setImmediate as nextTick } from 'node:timers/promises'

interface Alarm {
  readonly atMs: number
  readonly order: number
  readonly ring: () => void
}

/** Turns of Node's event loop without any effect after which only the clock can move things on. */
const quietTurns = 3
/** More at one moment are a loop that waits for nothing. */
const mostTurns = 20_000

export class SimulatedTime {
  nowMs = 0
  /** Effects so far; whoever does something counts it here. */
  activity = 0
  #order = 0
  readonly #alarms: Alarm[] = []

  /** Rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = () => {
        this.activity += 1
        reject(signal?.reason as Error)
      }
      if (signal?.aborted === true) {
        give()
        return
      }
      signal?.addEventListener('abort', give, { once: true })
      this.#add(Math.max(0, delayMs), () => {
        signal?.removeEventListener('abort', give)
        this.activity += 1
        resolve()
      })
    })
  }

  after(delayMs: number, ring: () => void): void {
    this.#add(delayMs, () => {
      this.activity += 1
      ring()
    })
  }

  /** Lets time pass until `isOver`, which is asked at each moment. */
  async passUntil(isOver: () => boolean): Promise<void> {
    for (;;) {
      await this.#settle()
      if (isOver()) return
      const next = this.#alarms.pop()
      if (next === undefined) throw new Error('everybody waits for ever')
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.ring()
    }
  }

  async #settle(): Promise<void> {
    for (let [quiet, turns] = [0, 0]; quiet < quietTurns; quiet += 1) {
      if ((turns += 1) > mostTurns) throw new Error(`no rest at ${this.nowMs} ms`)
      const before = this.activity
      await nextTick()
      if (this.activity !== before) quiet = -1
    }
  }

  /** Sorted with the next one last. */
  #add(delayMs: number, ring: () => void): void {
    const alarm = { atMs: this.nowMs + delayMs, order: (this.#order += 1), ring }
    let [low, high] = [0, this.#alarms.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isLater(this.#alarms[middle]!, alarm)) low = middle + 1
      else high = middle
    }
    this.#alarms.splice(low, 0, alarm)
  }
}

function isLater(one: Alarm, other: Alarm): boolean {
  return one.atMs === other.atMs ? one.order > other.order : one.atMs > other.atMs
}
