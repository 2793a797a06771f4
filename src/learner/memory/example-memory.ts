/**
 * Stored examples that answer before any step has learned them: the items, in their order, and when a version of them is due.
 * Which of them stay is decided by the policy, and how they answer by the class: they vote (knn-memory.ts), or stand before a
 * prompt (text-memory.ts).
 */
import type { ExampleKey, Tensors } from '../../contracts/core.ts'
import type { Head } from '../../contracts/example.ts'
import type { Memory, MemoryItem } from '../../contracts/policy.ts'
import type { MemoryShape } from '../../versions/contract.ts'
import type { MixtureWeights } from './mixture.ts'

/** `at` rises with each new item, and is stored. */
export interface MemorisedItem extends MemoryItem {
  readonly at: number
  /** The prediction that its event refers to. */
  readonly predictionId?: string
  /** The time of its event. */
  readonly timeMs?: number
}

/** The memory's part of the learner's state. */
export interface MemoryState {
  /** Wrong answers since the last version. */
  readonly wrong?: number
  /** The live version's memory contains an item that was retracted. */
  readonly stale?: boolean
  /** The weights of the experts; present if the memory is a mixture. */
  readonly mixture?: MixtureWeights
  /** The place of the last item of memory that a version has; absent: all are in it. */
  readonly published?: number
  /** The cut at which inputs are compared; absent: by the base's embedding. */
  readonly cut?: number
}

export abstract class ExampleMemory {
  /** What `every` counts. */
  protected readonly counted: string = 'wrong answers'
  readonly #policy: Pick<Memory, 'offer' | 'every'>
  #items: readonly MemorisedItem[] = []
  /** Wrong answers since the last version. */
  #wrong = 0
  /** The place of the last item that a version has; a server answers without later ones. */
  #published = -1
  /** The last version contains an item that was retracted. */
  #isStale = false

  constructor(policy: Pick<Memory, 'offer' | 'every'>) {
    this.#policy = policy
  }

  abstract get shape(): MemoryShape

  abstract parameters(head: Head): Tensors

  /** Oldest first; another array whenever they have changed. */
  get items(): readonly MemorisedItem[] {
    return this.#items
  }

  /** Those that a server answers with. */
  get publishedItems(): readonly MemorisedItem[] {
    const areAll = (this.#items.at(-1)?.at ?? -1) <= this.#published
    return areAll ? this.#items : this.#items.filter((item) => item.at <= this.#published)
  }

  /** The live version contains an item that was retracted. */
  markStale(): void {
    this.#isStale = true
  }

  /** Why a version should be published before the next update; undefined if it should not. */
  get due(): string | undefined {
    const { every } = this.#policy
    if (this.#isStale) return 'memory: an example was retracted'
    return every > 0 && this.#wrong >= every ? `memory: ${this.counted}: ${this.#wrong}` : undefined
  }

  /** Removes an item; returns whether it was there. */
  forget(key: ExampleKey): boolean {
    if (!this.#items.some((item) => item.key === key)) return false
    this.#isStale = true
    this.#items = this.#items.filter((item) => item.key !== key)
    return true
  }

  clear(): void {
    this.#items = []
  }

  /** A version is made of it now. */
  published(): void {
    this.#wrong = 0
    this.#isStale = false
    this.#published = this.#items.at(-1)?.at ?? -1
  }

  snapshot(): MemoryState {
    return {
      wrong: this.#wrong,
      ...(this.#isStale && { stale: true }),
    }
  }

  /** Restores items, within the present bounds. */
  restore(
    items: readonly MemorisedItem[],
    { wrong = 0, stale = false, published }: MemoryState,
  ): void {
    this.#wrong = wrong
    this.#isStale = stale
    this.#published = published ?? items.reduce((last, { at }) => Math.max(last, at), -1)
    const oldestFirst = items.toSorted((a, b) => a.at - b.at)
    if (this.#fit(oldestFirst)) {
      this.#items = oldestFirst
      return
    }
    this.#items = []
    for (const item of oldestFirst) this.#take(item, this.#offer(item, this.#items))
  }

  /** The answer before this example was wrong, or nothing could answer it. */
  protected wasWrong(): void {
    this.#wrong += 1
  }

  protected get lastPublished(): number {
    return this.#published
  }

  protected store(item: Omit<MemorisedItem, 'at'>, seen: { readonly wasRight: boolean }): void {
    const at = (this.#items.at(-1)?.at ?? -1) + 1
    this.#take({ ...item, at }, this.#policy.offer(item, this.#items, seen))
  }

  /** Whether the policy keeps them all, as it did when they were saved. One by one, each is compared with all before it. */
  #fit(items: readonly MemorisedItem[]): boolean {
    const last = items.at(-1)
    return last === undefined || this.#offer(last, items.slice(0, -1)).length === 0
  }

  #offer(item: MemorisedItem, kept: readonly MemorisedItem[]): readonly ExampleKey[] {
    return this.#policy.offer(item, kept, { wasRight: false })
  }

  #take(item: MemorisedItem, gone: readonly ExampleKey[]): void {
    const out = new Set(gone)
    if (out.size === 1 && out.has(item.key)) return
    // The oldest go first, nearly always.
    const areOldest = this.#items.slice(0, out.size).every(({ key }) => out.has(key))
    if (areOldest && !out.has(item.key)) {
      // One copy of the list, and not one for each of the two changes. Without the brackets it takes five times as long.
      const items = this.#items.concat([item])
      items.splice(0, out.size)
      this.#items = items
      return
    }
    const kept = this.#items.filter(({ key }) => !out.has(key))
    this.#items = out.has(item.key) ? kept : [...kept, item]
  }
}
