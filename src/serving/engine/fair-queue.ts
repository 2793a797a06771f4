/**
 * A queue in which keys take turns, and within a key its requests do: one item of each in rotation, first in, first out
 * within a request. So a key with a thousand items delays another key's first item by one, and a request of a thousand
 * rows delays a single row of the same key by one, not by a thousand.
 */
export class FairQueue<Item> {
  /** Maps keep the order of insertion: the first is the next in turn. */
  readonly #lines = new Map<string, Map<object, Item[]>>()
  readonly #sizes = new Map<string, number>()
  readonly #weightOf: (item: Item) => number
  #size = 0
  #weight = 0

  constructor(weightOf: (item: Item) => number = () => 0) {
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#size
  }

  /** Of all items together. */
  get weight(): number {
    return this.#weight
  }

  sizeOf(key: string): number {
    return this.#sizes.get(key) ?? 0
  }

  /** Items of one `request` keep their order. */
  push(key: string, request: object, item: Item): void {
    const line = this.#lines.get(key) ?? new Map<object, Item[]>()
    this.#lines.set(key, line)
    const items = line.get(request)
    if (items === undefined) line.set(request, [item])
    else items.push(item)
    this.#count(key, 1, [item])
  }

  take(): Item | undefined {
    const [turn] = this.#lines
    if (turn === undefined) return undefined
    const [key, line] = turn
    const [first] = line
    if (first === undefined) return undefined
    const [request, items] = first
    const item = items.shift()
    line.delete(request)
    if (items.length > 0) line.set(request, items)
    this.#lines.delete(key)
    if (line.size > 0) this.#lines.set(key, line)
    this.#count(key, -1, item === undefined ? [] : [item])
    return item
  }

  /** Removes one item, and answers whether it was there. */
  discard(key: string, item: Item): boolean {
    const line = this.#lines.get(key)
    for (const [request, items] of line ?? []) {
      const at = items.indexOf(item)
      if (at < 0) continue
      items.splice(at, 1)
      if (items.length === 0) line?.delete(request)
      if (line?.size === 0) this.#lines.delete(key)
      this.#count(key, -1, [item])
      return true
    }
    return false
  }

  /** Removes every item of a request. */
  remove(key: string, request: object): void {
    const line = this.#lines.get(key)
    const items = line?.get(request)
    if (line === undefined || items === undefined) return
    line.delete(request)
    if (line.size === 0) this.#lines.delete(key)
    this.#count(key, -1, items)
  }

  #count(key: string, sign: 1 | -1, items: readonly Item[]): void {
    const change = sign * items.length
    const left = this.sizeOf(key) + change
    this.#size += change
    for (const item of items) this.#weight += sign * this.#weightOf(item)
    if (left === 0) this.#sizes.delete(key)
    else this.#sizes.set(key, left)
  }
}
