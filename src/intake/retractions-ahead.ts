/**
 * Retractions that arrived before their events: the event is refused when it comes (RETRACTED, in the dead letters).
 * Bounded per source and in total, and dropped after a number of later events, so that made-up ids cannot crowd out a
 * source.
 */
import { identityOf } from './events/event-key.ts'
import type { ExampleKey } from '../contracts/core.ts'

export interface AheadLimits {
  readonly perSource: number
  readonly all: number
  /** Accepted events after which one is dropped. */
  readonly events: number
}

/** Key → the count of accepted events when it arrived. */
export type AheadState = readonly (readonly [key: ExampleKey, at: number])[]

export class Ahead {
  readonly #limits: AheadLimits
  readonly #keys = new Map<ExampleKey, number>()
  #state: AheadState | undefined

  constructor(limits: AheadLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#keys.size
  }

  /** Another array when it has changed. */
  get state(): AheadState {
    this.#state ??= [...this.#keys]
    return this.#state
  }

  has(key: ExampleKey, accepted: number): boolean {
    const at = this.#keys.get(key)
    return at !== undefined && accepted - at < this.#limits.events
  }

  /** Whether any is taken. */
  get isOn(): boolean {
    return this.#limits.perSource > 0
  }

  /** False when there is no room. */
  add(key: ExampleKey, accepted: number): boolean {
    for (const [old, at] of this.#keys) {
      if (accepted - at < this.#limits.events) break
      this.remove(old)
    }
    const { source } = identityOf(key)
    const own = [...this.#keys.keys()].filter((other) => identityOf(other).source === source).length
    if (own >= this.#limits.perSource || this.size >= this.#limits.all) return false
    this.#keys.set(key, accepted)
    this.#state = undefined
    return true
  }

  remove(key: ExampleKey): void {
    if (this.#keys.delete(key)) this.#state = undefined
  }

  restore(state: AheadState): void {
    this.#keys.clear()
    for (const [key, at] of state) this.#keys.set(key, at)
    this.#state = state
  }
}
