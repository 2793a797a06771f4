/**
 * The stored examples of a mixture that vote, side by side in one block of numbers. Each example of the stream adds one at the end and
 * takes one away at the beginning, so the block follows the list instead of being made of it again.
 */
import type { MemoryItem } from '../../contracts/policy.ts'

export interface VotersParts {
  readonly width: number
  /** The column that a vote is for; undefined: it does not count. */
  readonly columnOf: (vote: MemoryItem['vote']) => number | undefined
  readonly placeOf: (item: MemoryItem) => Float32Array
}

/** The block is moved to its beginning once the room before it is as long. */
const LEAST_ROOM = 64

export class Voters {
  readonly #parts: VotersParts
  #items: readonly MemoryItem[] = []
  readonly #columns = new Map<MemoryItem['vote'], number>()
  /** The voting examples are [from, to) of both. */
  #from = 0
  #to = 0
  #places = new Float32Array()
  #votes = new Int32Array()

  constructor(parts: VotersParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#to - this.#from
  }

  /** Oldest first. */
  column(at: number): number {
    return this.#votes[this.#from + at] ?? 0
  }

  /** Follows the list. */
  hold(items: readonly MemoryItem[]): void {
    const gone = this.#goneBefore(items)
    if (gone === undefined) {
      ;[this.#from, this.#to] = [0, 0]
      for (const item of items) this.#add(item)
    } else {
      for (let at = 0; at < gone; at += 1) if (this.#columnOf(this.#items[at]) >= 0) this.#from += 1
      for (let at = this.#items.length - gone; at < items.length; at += 1) this.#add(items[at])
    }
    this.#items = items
  }

  /** |x − xᵢ|² of the newest `count` voters, at the beginning of `into`; the smallest of them. */
  distances(x: Float32Array, count: number, into: Float64Array): number {
    const { width } = this.#parts
    const places = this.#places
    let least = Infinity
    let place = (this.#to - count) * width
    for (let at = 0; at < count; at += 1) {
      let sum = 0
      for (let column = 0; column < width; column += 1, place += 1) {
        const difference = (x[column] ?? 0) - (places[place] ?? 0)
        sum += difference * difference
      }
      into[at] = sum
      if (sum < least) least = sum
    }
    return least
  }

  /** How many of the present items are no longer there; undefined if anything else has changed. */
  #goneBefore(items: readonly MemoryItem[]): number | undefined {
    const [first] = items
    if (first === undefined) return undefined
    const gone = this.#items.indexOf(first)
    if (gone < 0) return undefined
    const last = this.#items.length - gone - 1
    return this.#items.at(-1) === items[last] ? gone : undefined
  }

  #add(item: MemoryItem | undefined): void {
    const column = this.#columnOf(item)
    if (item === undefined || column < 0) return
    const { width } = this.#parts
    if (this.#to >= this.#votes.length) this.#makeRoom()
    this.#places.set(this.#parts.placeOf(item), this.#to * width)
    this.#votes[this.#to] = column
    this.#to += 1
  }

  #makeRoom(): void {
    const { width } = this.#parts
    const { size } = this
    const room = Math.max(LEAST_ROOM, 2 * size)
    const [places, votes] = [new Float32Array(room * width), new Int32Array(room)]
    places.set(this.#places.subarray(this.#from * width, this.#to * width))
    votes.set(this.#votes.subarray(this.#from, this.#to))
    ;[this.#places, this.#votes, this.#from, this.#to] = [places, votes, 0, size]
  }

  /** −1: it has none. */
  #columnOf(item: MemoryItem | undefined): number {
    if (item === undefined) return -1
    const known = this.#columns.get(item.vote)
    if (known !== undefined) return known
    const column = this.#parts.columnOf(item.vote) ?? -1
    this.#columns.set(item.vote, column)
    return column
  }
}
