/**
 * Law 1: one event id changes the learner at most once, over restarts, rebalances and sources. Ids are kept as 16-byte
 * hashes (a collision among a billion ids has a chance of 10⁻²¹): those of the checkpoint are asked for there, those
 * taken since are here until the next checkpoint has them.
 */
import { createHash } from 'node:crypto'
import type { FeedbackEvent } from '../contracts.ts'

/** The identity of an event, forever. */
export function keyOf(event: Pick<FeedbackEvent, 'source' | 'id'>): string {
  return `${event.source}\0${event.id}`
}

export function hashOf(key: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(key).digest().subarray(0, 16))
}

export class Dedupe {
  readonly #saved: (hash: Uint8Array) => boolean
  readonly #fresh = new Map<string, Uint8Array>()

  /** `saved` says whether the checkpoint has a hash. */
  constructor(saved: (hash: Uint8Array) => boolean) {
    this.#saved = saved
  }

  /** Ids taken since the last checkpoint, in order. */
  get fresh(): readonly Uint8Array[] {
    return [...this.#fresh.values()]
  }

  has(key: string): boolean {
    return this.#fresh.has(key) || this.#saved(hashOf(key))
  }

  add(key: string): void {
    if (!this.#fresh.has(key)) this.#fresh.set(key, hashOf(key))
  }

  /** The checkpoint has them now. */
  saved(): void {
    this.#fresh.clear()
  }
}
