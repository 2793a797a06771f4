/**
 * The content of a buffer: its items in one list, from which any is drawn in one step, and in strata, from which the
 * item with the greatest mark is taken. Balanced buffers have a group per class; buffers that bound sources also have
 * one per source. Items of several classes are a group for each combination, as large as its rarest class.
 */
import type { ExampleKey } from '../../src/contracts/core.ts'
import type { ReplayItem } from '../../src/contracts/policy.ts'

export interface Entry extends ReplayItem {
  readonly mark: number
}

interface Group {
  readonly strata: readonly string[]
  readonly source: string
  readonly heap: Heap
}

interface Load {
  size: number
  bytes: number
}

/** The name of the group where there is one for all. */
const THE_ONE = JSON.stringify(['', ''])

export type StrataName = string | readonly string[]

/** One has its own name. */
export function nameOf(strata: readonly string[]): StrataName {
  const [only = '', another] = strata
  return another === undefined ? only : strata
}

export class StratifiedBuffer {
  readonly #by: { readonly strata: boolean; readonly source: boolean }
  readonly #keys: ExampleKey[] = []
  readonly #entries = new Map<ExampleKey, Entry & { place: number }>()
  readonly #groups = new Map<string, Group>()
  readonly #strata = new Map<string, Load>()
  readonly #sources = new Map<string, Load>()
  #bytes = 0

  constructor(by: { readonly strata: boolean; readonly source: boolean }) {
    this.#by = by
  }

  get size(): number {
    return this.#keys.length
  }

  get bytes(): number {
    return this.#bytes
  }

  get keys(): readonly ExampleKey[] {
    return this.#keys
  }

  /** The number of classes. */
  get strata(): number {
    return this.#strata.size
  }

  ofStratum(stratum: string): Readonly<Load> {
    return this.#strata.get(stratum) ?? { size: 0, bytes: 0 }
  }

  ofSource(source: string): Readonly<Load> {
    return this.#sources.get(source) ?? { size: 0, bytes: 0 }
  }

  get(key: ExampleKey): Entry | undefined {
    return this.#entries.get(key)
  }

  /** How many items its rarest stratum has. */
  rarest({ strata }: Pick<ReplayItem, 'strata'>): number {
    return Math.min(...strata.map((stratum) => this.ofStratum(stratum).size))
  }

  /** The name of the group of an item. */
  groupOf({ strata, source }: Pick<ReplayItem, 'strata' | 'source'>): string {
    if (!this.#by.strata && !this.#by.source) return THE_ONE
    return JSON.stringify([this.#by.strata ? nameOf(strata) : '', this.#by.source ? source : ''])
  }

  add(entry: Entry): void {
    const name = this.groupOf(entry)
    const { key, strata, source, bytes, mark } = entry
    const group = this.#groups.get(name) ?? { strata, source, heap: new Heap() }
    group.heap.add(entry)
    this.#groups.set(name, group)
    const place = this.#keys.push(key) - 1
    this.#entries.set(key, { key, strata, source, bytes, mark, place })
    this.#count(entry, 1)
  }

  /** The last key of the list replaces the removed one. */
  remove(key: ExampleKey): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    const last = this.#keys.pop()
    const moved = last === undefined || last === key ? undefined : this.#entries.get(last)
    if (moved !== undefined) {
      this.#keys[entry.place] = moved.key
      moved.place = entry.place
    }
    this.#dropped(entry)
  }

  /** The others keep their order, as if it had never been among them. */
  cut(key: ExampleKey): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#keys.splice(entry.place, 1)
    for (const behind of this.#keys.slice(entry.place)) {
      const moved = this.#entries.get(behind)
      if (moved !== undefined) moved.place -= 1
    }
    this.#dropped(entry)
  }

  /**
   * The item to evict for `newcomer`, which is already in: the greatest mark of the largest class, preferring another
   * class than the newcomer's among equals. With `source` it is an item of that source.
   */
  victim(newcomer: ReplayItem | undefined, source?: string): Entry | undefined {
    let found: { readonly group: Group; readonly size: number } | undefined
    for (const group of this.#groups.values()) {
      if (source !== undefined && group.source !== source) continue
      const size = source === undefined ? this.#sizeFor(group) : group.heap.size
      if (found === undefined || this.#givesWay(group, size, found, newcomer))
        found = { group, size }
    }
    const key = found?.group.heap.top?.key
    return key === undefined ? undefined : this.#entries.get(key)
  }

  /** The groups of one class count together, whatever their sources. */
  #sizeFor(group: Group): number {
    return this.#by.strata ? this.rarest(group) : this.size
  }

  #givesWay(
    group: Group,
    size: number,
    other: { readonly group: Group; readonly size: number },
    newcomer: ReplayItem | undefined,
  ): boolean {
    if (size !== other.size) return size > other.size
    const [isNew, isOtherNew] = [group, other.group].map(({ strata }) =>
      areEqual(strata, newcomer?.strata),
    )
    if (this.#by.strata && isNew !== isOtherNew) return isOtherNew === true
    const [a, b] = [group.heap.top, other.group.heap.top]
    return a !== undefined && b !== undefined && isGreater(a, b)
  }

  #dropped(entry: Entry): void {
    this.#entries.delete(entry.key)
    const name = this.groupOf(entry)
    const group = this.#groups.get(name)
    group?.heap.remove(entry.key)
    if (group?.heap.size === 0) this.#groups.delete(name)
    this.#count(entry, -1)
  }

  #count({ strata, source, bytes }: Entry, sign: 1 | -1): void {
    this.#bytes += sign * bytes
    for (const stratum of strata) count(this.#strata, stratum, sign, bytes)
    count(this.#sources, source, sign, bytes)
  }
}

function count(loads: Map<string, Load>, name: string, sign: 1 | -1, bytes: number): void {
  const { size, bytes: before } = loads.get(name) ?? { size: 0, bytes: 0 }
  if (size + sign === 0) loads.delete(name)
  else loads.set(name, { size: size + sign, bytes: before + sign * bytes })
}

function areEqual(one: readonly string[], other: readonly string[] = []): boolean {
  return one.length === other.length && one.every((stratum, at) => stratum === other[at])
}

/**
 * A binary heap of marked keys, greatest mark first, from which any key can be removed. Equal marks are ordered by key,
 * so that the order depends only on the content, not on its history.
 */
interface MarkedKey {
  readonly key: ExampleKey
  readonly mark: number
}

class Heap {
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

function isGreater(a: MarkedKey, b: MarkedKey): boolean {
  return a.mark === b.mark ? a.key > b.key : a.mark > b.mark
}
