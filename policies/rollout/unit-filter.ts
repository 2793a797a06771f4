/**
 * Which units, such as users, a trial has counted: a Bloom filter, so that it takes the same memory for any number of them.
 * It never counts a unit twice; by chance it passes one over that is new, 7 % of them after five thousand.
 *
 * Bloom (1970), "Space/time trade-offs in hash coding with allowable errors", CACM 13(7).
 */
import type { Json, Stateful } from '../../src/contracts/core.ts'

const BITS = 2 ** 15
const SEEDS = [0x811c9dc5, 0x1b873593] as const

export class UnitFilter implements Stateful {
  #bits = new Uint8Array(BITS / 8)
  #isEmpty = true

  /** Whether it is the first time; without a unit it always is. */
  isFirst(unit: string | undefined): boolean {
    if (unit === undefined) return true
    let isFirst = false
    for (const seed of SEEDS) {
      const at = hashOf(unit, seed) % BITS
      const [byte, bit] = [at >> 3, 1 << (at & 7)]
      const before = this.#bits[byte] ?? 0
      if ((before & bit) === 0) isFirst = true
      this.#bits[byte] = before | bit
    }
    this.#isEmpty = false
    return isFirst
  }

  snapshot(): Json {
    return this.#isEmpty ? null : Buffer.from(this.#bits).toString('base64')
  }

  /** Any other state, or none, means a fresh start. */
  restore(state: Json): void {
    this.#bits = new Uint8Array(BITS / 8)
    const bytes = typeof state === 'string' ? Buffer.from(state, 'base64') : undefined
    this.#isEmpty = bytes?.length !== this.#bits.length
    if (bytes && !this.#isEmpty) this.#bits.set(bytes)
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string, seed: number): number {
  let hash = seed
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  return (hash ^ (hash >>> 15)) >>> 0
}
