/**
 * Law 1: one event id changes the learner at most once, over restarts, rebalances and sources. Ids are kept as 16-byte
 * hashes (a collision among a billion ids has a chance of 10⁻²¹), read from the checkpoint when the first one is asked
 * for; those taken since then are handed over to the next.
 */
import { hash } from 'node:crypto'
import type { FeedbackEvent } from '../contracts.ts'
import { hashesIn, HASH_BYTES, SeenIds, type IdHash } from './seen-ids.ts'

/** The identity of an event, forever. */
export function keyOf(event: Pick<FeedbackEvent, 'source' | 'id'>): string {
  return `${event.source}\0${event.id}`
}

/** Ids that follow one another, 16 bytes each. */
export interface IdRun {
  /** How many came before the first of them, since the model began. */
  readonly first: number
  readonly hashes: Uint8Array
}

export class Dedupe {
  readonly #load: () => readonly IdRun[]
  readonly #limit: number
  #ids: SeenIds | undefined
  /** Ids from this ordinal on are not in the checkpoint. */
  #savedEnd = 0
  /** An id is asked for, and soon after taken. */
  #last: { readonly key: string; readonly words: IdHash } | undefined

  /** `load` answers the ids of the checkpoint, oldest first; the newest `limit` ids are kept. */
  constructor(load: () => readonly IdRun[], limit: number) {
    this.#load = load
    this.#limit = limit
  }

  /** Ids taken since the last checkpoint, as far as they are still kept. */
  get fresh(): IdRun {
    const first = Math.max(this.#savedEnd, this.forgotten)
    return { first, hashes: this.#ids?.bytesFrom(first) ?? new Uint8Array() }
  }

  /** Ids that are known no more, since the model began: a duplicate of one would be learned. */
  get forgotten(): number {
    return this.#ids?.forgotten ?? 0
  }

  has(key: string): boolean {
    return this.#known().has(this.#wordsOf(key))
  }

  add(key: string): void {
    this.#known().add(this.#wordsOf(key))
  }

  /** The checkpoint has them now. */
  saved(): void {
    this.#savedEnd = this.#ids?.end ?? this.#savedEnd
  }

  #wordsOf(key: string): IdHash {
    if (this.#last?.key !== key) this.#last = { key, words: wordsOf(key) }
    return this.#last.words
  }

  #known(): SeenIds {
    if (this.#ids !== undefined) return this.#ids
    const runs = this.#load()
    let ids = new SeenIds(this.#limit, runs[0]?.first)
    for (const { first, hashes } of runs) {
      // More came between two saves than are kept: what lies before the gap was forgotten then.
      if (first > ids.end) ids = new SeenIds(this.#limit, first)
      // Of a save that was repeated, two runs may begin with the same ids.
      for (const id of hashesIn(hashes.subarray((ids.end - first) * HASH_BYTES))) ids.add(id)
    }
    this.#savedEnd = ids.end
    this.#ids = ids
    return ids
  }
}

export function hashOf(key: string): Uint8Array {
  return new Uint8Array(Uint32Array.from(wordsOf(key)).buffer)
}

/** As one-byte characters, which costs a quarter of a buffer. */
function wordsOf(key: string): IdHash {
  const digest = hash('sha256', key, 'binary')
  return [wordAt(digest, 0), wordAt(digest, 4), wordAt(digest, 8), wordAt(digest, 12)]
}

/** Little-endian, as the machine lays out words. */
function wordAt(digest: string, at: number): number {
  const low = digest.charCodeAt(at) | (digest.charCodeAt(at + 1) << 8)
  const high = digest.charCodeAt(at + 2) | (digest.charCodeAt(at + 3) << 8)
  return (low | (high << 16)) >>> 0
}
