/**
 * The newest accepted ids, as 16-byte hashes in memory: a ring in order of arrival, and a hash table of positions in
 * it. Exact: an id is forgotten when `limit` newer ones have arrived, and never earlier; an index on disk would be
 * written at random places, which costs more than the rest of an event's intake. Each has a short digest of its signal,
 * 0 if unknown. An id accepted again moves to the end; its older entry is ignored.
 *
 *   28 bytes per id: 16 in the ring, 4 for its signal, 4 in each of the table's at least 2 slots
 *
 * Open addressing with linear probing; a removal closes its gap, Knuth (1973), TAOCP 3, 6.4, algorithm R.
 */

export interface SeenId {
  /** How many came before it. */
  readonly ordinal: number
  readonly digest: number
}

/** Four 32-bit words. */
export type IdHash = readonly [number, number, number, number]

export const HASH_BYTES = 16
const WORDS = HASH_BYTES / Uint32Array.BYTES_PER_ELEMENT
const SMALLEST = 1024

export class SeenIds {
  readonly #limit: number
  /** The id with the ordinal n is at index n modulo capacity. */
  #ring: Uint32Array
  #digests: Uint32Array
  #capacity: number
  /** Place + 1, or 0 for an empty slot. */
  #table: Int32Array
  /** Ordinals of the oldest id that is kept and of the next one. */
  #begin: number
  #end: number

  /** `from`: how many earlier ids are not kept. */
  constructor(limit: number, from = 0) {
    this.#limit = limit
    this.#capacity = Math.min(limit, SMALLEST)
    this.#ring = new Uint32Array(this.#capacity * WORDS)
    this.#digests = new Uint32Array(this.#capacity)
    this.#table = new Int32Array(tableSize(this.#capacity))
    this.#begin = from
    this.#end = from
  }

  /** The ordinal of the next id, which is the number of all ids so far. */
  get end(): number {
    return this.#end
  }

  /** How many of them are no longer kept. */
  get forgotten(): number {
    return this.#begin
  }

  /** Its ordinal and its signal, as last accepted. */
  find(hash: IdHash): SeenId | undefined {
    const place = (this.#table[this.#slotOf(hash)] ?? 0) - 1
    if (place < 0) return undefined
    const before = (this.#end - 1 - place) % this.#capacity
    return { ordinal: this.#end - 1 - before, digest: this.#digests[place] ?? 0 }
  }

  /** The newest ordinal of the id that has this one; undefined if it is no longer kept. */
  newestOf(ordinal: number): number | undefined {
    return ordinal < this.#begin ? undefined : this.find(this.#at(ordinal))?.ordinal
  }

  /** The ordinals of all its entries, oldest first. Looks at every id. */
  all(hash: IdHash): readonly number[] {
    const found: number[] = []
    for (let ordinal = this.#begin; ordinal < this.#end; ordinal += 1)
      if (this.#isAt(ordinal % this.#capacity, hash)) found.push(ordinal)
    return found
  }

  /** Removes the oldest if there are more than `limit`. */
  add(hash: IdHash, digest: number): void {
    if (this.#end - this.#begin === this.#limit) this.#forgetOldest()
    else if (this.#end - this.#begin === this.#capacity) this.#grow()
    this.#place(this.#end, hash, digest)
    this.#end += 1
  }

  /** Removes those with lower ordinals. */
  forgetBefore(ordinal: number): void {
    while (this.#begin < Math.min(ordinal, this.#end)) this.#forgetOldest()
  }

  /** The ids from the ordinal `first` on, which is kept, in order. */
  bytesFrom(first: number): Uint8Array {
    const words = new Uint32Array((this.#end - first) * WORDS)
    for (let ordinal = first; ordinal < this.#end; ordinal += 1) {
      const at = (ordinal % this.#capacity) * WORDS
      words.set(this.#ring.subarray(at, at + WORDS), (ordinal - first) * WORDS)
    }
    return new Uint8Array(words.buffer)
  }

  /** The same for their signals. */
  digestsFrom(first: number): Uint8Array {
    const ordinals = Array.from({ length: this.#end - first }, (_, at) => first + at)
    const words = Uint32Array.from(ordinals, (at) => this.#digests[at % this.#capacity] ?? 0)
    return new Uint8Array(words.buffer)
  }

  #place(ordinal: number, hash: IdHash, digest: number): void {
    const place = ordinal % this.#capacity
    this.#digests[place] = digest
    this.#table[this.#slotOf(hash)] = place + 1
    this.#ring.set(hash, place * WORDS)
  }

  /** The slot of a hash, or the empty slot where it would be. */
  #slotOf(hash: IdHash): number {
    const mask = this.#table.length - 1
    let slot = hash[0] & mask
    for (;;) {
      const place = (this.#table[slot] ?? 0) - 1
      if (place < 0 || this.#isAt(place, hash)) return slot
      slot = (slot + 1) & mask
    }
  }

  #isAt(place: number, [a, b, c, d]: IdHash): boolean {
    const ring = this.#ring
    const at = place * WORDS
    return ring[at] === a && ring[at + 1] === b && ring[at + 2] === c && ring[at + 3] === d
  }

  #at(ordinal: number): IdHash {
    const at = (ordinal % this.#capacity) * WORDS
    const [a = 0, b = 0, c = 0, d = 0] = this.#ring.subarray(at, at + WORDS)
    return [a, b, c, d]
  }

  #forgetOldest(): void {
    const slot = this.#slotOf(this.#at(this.#begin))
    // An id that was accepted again stays.
    if (this.#table[slot] === (this.#begin % this.#capacity) + 1) this.#closeGap(slot)
    this.#begin += 1
  }

  /** Moves entries back that had been placed after the slot that is now free. */
  #closeGap(free: number): void {
    const mask = this.#table.length - 1
    let gap = free
    for (let slot = (gap + 1) & mask; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const place = (this.#table[slot] ?? 0) - 1
      const home = (this.#ring[place * WORDS] ?? 0) & mask
      // It may move if its home is not between the gap and itself.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      this.#table[gap] = place + 1
      gap = slot
    }
    this.#table[gap] = 0
  }

  #grow(): void {
    const ids: [IdHash, number][] = []
    for (let ordinal = this.#begin; ordinal < this.#end; ordinal += 1)
      ids.push([this.#at(ordinal), this.#digests[ordinal % this.#capacity] ?? 0])
    this.#capacity = Math.min(this.#limit, this.#capacity * 2)
    this.#ring = new Uint32Array(this.#capacity * WORDS)
    this.#digests = new Uint32Array(this.#capacity)
    this.#table = new Int32Array(tableSize(this.#capacity))
    for (const [at, [hash, digest]] of ids.entries()) this.#place(this.#begin + at, hash, digest)
  }
}

/** A power of two with at least two slots per id. */
function tableSize(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(2 * Math.max(1, capacity)))
}

export function* hashesIn(bytes: Uint8Array): Generator<IdHash> {
  const copy = bytes.slice()
  const words = new Uint32Array(copy.buffer, 0, copy.byteLength / Uint32Array.BYTES_PER_ELEMENT)
  for (let at = 0; at < words.length; at += WORDS) {
    const [a = 0, b = 0, c = 0, d = 0] = words.subarray(at, at + WORDS)
    yield [a, b, c, d]
  }
}
