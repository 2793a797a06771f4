/**
 * A binary heap of marked keys, greatest mark first, from which any key can be removed. Equal marks are ordered by key,
 * so that the order depends only on the content, not on its history.
 */
import type { ExampleKey } from '../../src/contracts/core.ts'

export interface MarkedKey {
  readonly key: ExampleKey
  readonly mark: number
}

export class Heap {
  readonly #items: MarkedKey[] = []
  readonly #places = new Map<ExampleKey, number>()

  get size(): number {
    return this.#items.length
  }

  get top(): MarkedKey | undefined {
    return this.#items[0]
  }

  add(item: MarkedKey): void {
    this.#put(this.size, item)
    this.#rise(this.size - 1)
  }

  remove(key: ExampleKey): void {
    const place = this.#places.get(key)
    const last = this.#items.at(-1)
    if (place === undefined || last === undefined) return
    this.#items.pop()
    this.#places.delete(key)
    if (last.key === key) return
    this.#put(place, last)
    this.#rise(place)
    this.#sink(this.#places.get(last.key) ?? place)
  }

  #rise(from: number): void {
    for (let place = from; place > 0;) {
      const parent = (place - 1) >> 1
      if (!this.#isAbove(place, parent)) return
      this.#swap(place, parent)
      place = parent
    }
  }

  #sink(from: number): void {
    for (let place = from; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2]
      const child = this.#isAbove(right, left) ? right : left
      if (!this.#isAbove(child, place)) return
      this.#swap(child, place)
      place = child
    }
  }

  /** Greater than any existing mark. */
  #isAbove(one: number, other: number): boolean {
    const [a, b] = [this.#items[one], this.#items[other]]
    return a !== undefined && (b === undefined || isGreater(a, b))
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#items[one], this.#items[other]]
    if (a === undefined || b === undefined) return
    this.#put(one, b)
    this.#put(other, a)
  }

  #put(place: number, item: MarkedKey): void {
    this.#items[place] = item
    this.#places.set(item.key, place)
  }
}

export function isGreater(a: MarkedKey, b: MarkedKey): boolean {
  return a.mark === b.mark ? a.key > b.key : a.mark > b.mark
}
