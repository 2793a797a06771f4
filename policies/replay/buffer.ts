/**
 * The buffer behind every policy that keeps examples. Each example gets a mark on arrival; when there are too many, too
 * many bytes, or too many of one source, the example with the greatest mark is evicted. A policy consists of the marks
 * it gives and the stratum it evicts from first.
 */
import type { ExampleKey, Json, Random, SettingsOf } from '../../src/contracts/core.ts'
import type { Rehearsal, Replay, ReplayItem } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'
import { nameOf, StratifiedBuffer, type Entry, type StrataName } from './stratified-buffer.ts'

/** The settings that bound every buffer. */
export const bounds = {
  capacity: integer([1, 1_000_000], 2000, 'examples kept for replay; at least train.replay_batch'),
  bytes: integer([1024, 17_179_869_184], 268_435_456, 'total size of these examples'),
  per_source: number(
    [0.001, 1],
    1,
    'largest share of capacity and bytes that one event source may fill',
  ),
}

export type Bounds = SettingsOf<typeof bounds>

export interface BufferRule {
  /** `age` evicts the oldest; `chance` evicts any with equal probability. */
  readonly marks: 'age' | 'chance'
  /** Whether eviction takes from the largest class, whichever example arrives. */
  readonly isBalanced: boolean
  /** Whether an example may enter at all; it then enters regardless of earlier evictions. */
  readonly admits?: (item: ReplayItem, held: StratifiedBuffer, bounds: Bounds) => boolean
}

export function openBuffer(bounds: Bounds, keeping: BufferRule, rehearsal?: Rehearsal): Replay {
  const buffer = new Buffer(bounds, keeping)
  return rehearsal === undefined ? buffer : Object.assign(buffer, { rehearsal })
}

interface BufferState {
  readonly [key: string]: Json
  readonly marked: string
  readonly seen: number
  readonly keys: readonly ExampleKey[]
  readonly marks: readonly number[]
  /** Names of a stratum or class, and the smallest mark evicted there; as JSON text in a checkpoint of an earlier release. */
  readonly gone: readonly (readonly [names: readonly StrataName[] | string, mark: number])[]
}

/** Below so many places a list is searched in less time than a set. */
const FEW = 64

/** `count` different places below `size`: Bentley & Floyd (1987), "A sample of brilliance", CACM 30(9). */
function placesIn(size: number, count: number, random: Random): Iterable<number> {
  const first = Math.max(0, size - count)
  if (size - first > FEW) {
    const places = new Set<number>()
    for (let last = first; last < size; last += 1) {
      const place = random.below(last + 1)
      places.add(places.has(place) ? last : place)
    }
    return places
  }
  const places: number[] = []
  for (let last = first; last < size; last += 1) {
    const place = random.below(last + 1)
    places.push(places.includes(place) ? last : place)
  }
  return places
}

/** Marks take few digits of a checkpoint, and two are hardly ever equal. */
const MARKS = 2 ** 32

function isAmong(own: readonly string[], strata: readonly string[]): boolean {
  return own.every((stratum) => strata.includes(stratum))
}

class Buffer implements Replay {
  readonly #bounds: Bounds
  readonly #keeping: BufferRule
  #held: StratifiedBuffer
  #seen = 0
  #gone = new Map<string, number>()

  constructor(bounds: Bounds, keeping: BufferRule) {
    this.#bounds = bounds
    this.#keeping = keeping
    this.#held = this.#empty()
  }

  get size(): number {
    return this.#held.size
  }

  get bytes(): number {
    return this.#held.bytes
  }

  offer(item: ReplayItem, random: Random): readonly ExampleKey[] {
    if (this.#held.get(item.key) !== undefined) return []
    this.#seen += 1
    const mark = this.#keeping.marks === 'age' ? -this.#seen : random.below(MARKS)
    if (!this.#admits(item, mark)) return [item.key]
    const { key, strata, source, bytes } = item
    this.#held.add({ key, strata, source, bytes, mark })
    return this.#makeRoom(item)
  }

  draw(count: number, random: Random, without: readonly string[] = []): readonly ExampleKey[] {
    const keys = this.#keysWithout(without)
    const places = placesIn(keys.length, count, random)
    // Drawn for every step: `flatMap` would take several times as long.
    const drawn: ExampleKey[] = []
    for (const place of places) {
      const key = keys[place]
      if (key !== undefined) drawn.push(key)
    }
    return drawn
  }

  /**
   * Leaves the same order as `restore` without that item: which of the two happens depends on when a checkpoint was
   * saved.
   */
  remove(key: ExampleKey): void {
    this.#held.cut(key)
  }

  keys(): readonly ExampleKey[] {
    return [...this.#held.keys]
  }

  snapshot(): BufferState {
    const keys = this.keys()
    return {
      marked: this.#keeping.marks,
      seen: this.#seen,
      keys,
      marks: keys.map((key) => this.#held.get(key)?.mark ?? 0),
      gone: [...this.#gone].map(([group, mark]) => [
        JSON.parse(group) as readonly StrataName[],
        mark,
      ]),
    }
  }

  restore(state: Json, items: readonly ReplayItem[]): void {
    const byKey = new Map(items.map((item) => [item.key, item]))
    const { seen, keys, marks, gone } = this.#ownState(state)
    this.#held = this.#empty()
    this.#seen = seen
    this.#gone = new Map(
      gone.map(([names, mark]) => [
        typeof names === 'string' ? names : JSON.stringify(names),
        mark,
      ]),
    )
    for (const [at, key] of keys.entries()) {
      const item = byKey.get(key)
      if (item !== undefined) this.#held.add({ ...item, mark: marks[at] ?? 0 })
    }
    this.#makeRoom()
  }

  #keysWithout(strata: readonly string[]): readonly ExampleKey[] {
    const { keys } = this.#held
    if (strata.every((stratum) => this.#held.ofStratum(stratum).size === 0)) return keys
    return keys.filter((key) => !isAmong(this.#held.get(key)?.strata ?? [''], strata))
  }

  #empty(): StratifiedBuffer {
    const { per_source: share } = this.#bounds
    return new StratifiedBuffer({ strata: this.#keeping.isBalanced, source: share < 1 })
  }

  #admits(item: ReplayItem, mark: number): boolean {
    if (item.bytes > this.#bounds.bytes) return false
    const { admits } = this.#keeping
    if (admits !== undefined) return admits(item, this.#held, this.#bounds)
    const barred = [this.#gone.get(this.#held.groupOf(item)), this.#gone.get(this.#ofAll(item))]
    return barred.every((least) => least === undefined || mark < least)
  }

  /** First each source within its share, then everything within the bounds. */
  #makeRoom(newcomer?: ReplayItem): readonly ExampleKey[] {
    const out: ExampleKey[] = []
    const sources = newcomer ? [newcomer.source] : this.#sources()
    for (const source of sources)
      while (this.#isOverShare(source))
        out.push(...this.#giveWay(this.#held.victim(newcomer, source), true))
    const { capacity, bytes } = this.#bounds
    while (this.size > capacity || this.bytes > bytes)
      out.push(...this.#giveWay(this.#held.victim(newcomer), false))
    return out
  }

  #sources(): readonly string[] {
    return [...new Set(this.#held.keys.map((key) => this.#held.get(key)?.source ?? ''))]
  }

  #isOverShare(source: string): boolean {
    const { per_source: share, capacity, bytes } = this.#bounds
    if (share >= 1) return false
    const { size, bytes: own } = this.#held.ofSource(source)
    // One example may stay, however small the share.
    return size > 1 && (size > Math.floor(share * capacity) || own > share * bytes)
  }

  #giveWay(entry: Entry | undefined, isOfSource: boolean): readonly ExampleKey[] {
    if (entry === undefined) return []
    this.#held.remove(entry.key)
    const name = isOfSource ? this.#held.groupOf(entry) : this.#ofAll(entry)
    if (this.#keeping.marks === 'chance' && this.#keeping.admits === undefined)
      this.#gone.set(name, Math.min(entry.mark, this.#gone.get(name) ?? entry.mark))
    return [entry.key]
  }

  /** An eviction for the whole buffer's sake counts for its class, from any source. */
  #ofAll({ strata }: Pick<ReplayItem, 'strata'>): string {
    return JSON.stringify(this.#keeping.isBalanced ? [nameOf(strata)] : [])
  }

  /** The state of a policy with different marks is meaningless here: start empty. */
  #ownState(state: Json): BufferState {
    const own = state !== null && typeof state === 'object' && 'marked' in state
    if (own && state.marked === this.#keeping.marks) return state as BufferState
    return { marked: '', seen: 0, keys: [], marks: [], gone: [] }
  }
}
