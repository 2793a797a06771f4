/**
 * kNN memory: stored examples that vote before any step has learned them. This file holds the items and their votes;
 * the policy decides which of them stay. Their keys are the base's own embeddings, or means of its trunk's output, which no
 * step changes.
 */
import type { ExampleKey, Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Memory, MemoryItem } from '../../contracts/policy.ts'
import type { Example, Head, Score, Target } from '../../contracts/example.ts'
import type { Classes, Task } from '../../contracts/task.ts'
import type { MemoryShape } from '../../versions/contract.ts'
import { invariant } from '../../platform/errors.ts'
import { comparedBase, memoryTensors, slotsFor } from '../../nn/memory.ts'
import {
  type ComparedEngine,
  type KnnEngine,
  type KnnEngineParts,
  onceFor,
  openComparedEngine,
  openKnnEngine,
} from './engines.ts'
import { Mixture, type MixtureAnswer, type MixtureWeights } from './mixture.ts'

export interface KnnMemoryParts {
  readonly policy: Memory
  readonly engine: KnnEngine
  /** Present if examples are one of several experts. */
  readonly compared?: ComparedEngine | undefined
  /** The width of an embedding. */
  readonly width: number
  /** Where inputs are compared by the mean of the trunk's output: the cut. */
  readonly cut?: number | undefined
}

/** The memory of a model on this published base, as `policy` wants it. */
export function openKnnMemory(policy: Memory, parts: KnnEngineParts): KnnMemoryParts {
  const { cut } = parts
  const isAtCut = policy.comparesAtCut === true
  const base = comparedBase(parts.base, cut, isAtCut)
  const engine = openKnnEngine({ ...parts, base })
  const compared = policy.mixture && openComparedEngine(base, engine)
  return { policy, engine, compared, width: base.network.width, ...(isAtCut && { cut }) }
}

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

/** The answer of the head alone to an example. */
export interface HeadAnswer {
  readonly latent: Latent
  readonly logits: Float32Array
  readonly head: Head
}

export class KnnMemory {
  readonly #parts: KnnMemoryParts
  readonly #embed: KnnEngine['embed']
  #items: readonly MemorisedItem[] = []
  #tensors:
    | { readonly items: readonly MemorisedItem[]; readonly head: Head; readonly tensors: Tensors }
    | undefined
  readonly #task: Task
  readonly #classes: Classes
  /** Undefined unless stored examples are one of several experts. */
  readonly mixture: Mixture | undefined
  /** Wrong answers since the last version. */
  #wrong = 0
  /** The place of the last item that a version has; a server answers without later ones. */
  #published = -1
  /** The last version contains an item that was retracted. */
  #isStale = false

  constructor(parts: KnnMemoryParts, task: Task) {
    invariant(task.classes !== undefined, `votes for ${task.kind}, which has no classes`)
    this.#parts = parts
    this.#embed = onceFor((latent) => parts.engine.embed(latent))
    this.#task = task
    this.#classes = task.classes
    const { policy, compared } = parts
    const { mixture } = policy
    if (mixture !== undefined && compared !== undefined)
      this.mixture = new Mixture({ policy: { ...policy, mixture }, engine: compared }, task.classes)
  }

  /** Oldest first; another array whenever they have changed. */
  get items(): readonly MemorisedItem[] {
    return this.#items
  }

  get shape(): MemoryShape {
    return {
      ...{ slots: slotsFor(this.#items.length), items: this.#items.length },
      ...(this.mixture && { mixture: true }),
      ...(this.mixture?.leafRoom !== undefined && { leaves: this.mixture.leafRoom }),
      ...(this.#parts.cut !== undefined && { at_cut: true }),
    }
  }

  /** The live version contains an item that was retracted. */
  markStale(): void {
    this.#isStale = true
  }

  /** Why a version should be published before the next update; undefined if it should not. */
  get due(): string | undefined {
    const { every } = this.#parts.policy
    if (this.#isStale) return 'memory: an example was retracted'
    return every > 0 && this.#wrong >= every ? `memory: wrong answers: ${this.#wrong}` : undefined
  }

  /** Tests an example that is not stored, with the present items or with those of another version. */
  test(
    { target }: Pick<Example, 'target'>,
    answer: HeadAnswer,
    items: readonly MemorisedItem[] = this.#items,
  ): Score {
    return this.#test(target, this.#vectorOf(answer.latent), answer, items).score
  }

  /** Test, then store. */
  testAndStore(example: Example, answer: HeadAnswer): Score {
    const { policy } = this.#parts
    const { key, target, weight, predictionId, timeMs } = example
    const vector = this.#vectorOf(answer.latent)
    // Experts are judged by what a server answers now; a correction that is published at once counts at once.
    const known = this.mixture ? this.#publishedItems() : undefined
    const { score, mixed } = this.#test(target, vector, answer, known)
    if (mixed !== undefined) this.mixture?.observe(mixed, target, answer.head)
    const wasRight = score.error === 0
    if (!wasRight) this.#wrong += 1
    const vote = this.#classes.vote(target)
    if (vote !== undefined && weight > 0 && vector.every(Number.isFinite)) {
      const at = (this.#items.at(-1)?.at ?? -1) + 1
      const item = {
        key,
        vote,
        vector,
        at,
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
      }
      this.#take(item, policy.offer(item, this.#items, { wasRight }))
    }
    return score
  }

  /** Removes an item; returns whether it was there. */
  forget(key: ExampleKey): boolean {
    if (!this.#items.some((item) => item.key === key)) return false
    this.#isStale = true
    this.#hold(this.#items.filter((item) => item.key !== key))
    return true
  }

  clear(): void {
    this.mixture?.clear()
    this.#hold([])
  }

  /** A version is made of it now. */
  published(): void {
    this.#wrong = 0
    this.#isStale = false
    this.#published = this.#items.at(-1)?.at ?? -1
  }

  parameters(head: Head): Tensors {
    if (this.mixture !== undefined)
      return this.mixture.tensors(this.#items, head, this.#task.outputs(head))
    return this.#tensorsOf(this.#items, head)
  }

  snapshot(): MemoryState {
    return {
      wrong: this.#wrong,
      ...(this.#isStale && { stale: true }),
      ...(this.#parts.cut !== undefined && { cut: this.#parts.cut }),
      ...(this.mixture && { mixture: this.mixture.snapshot(), published: this.#published }),
    }
  }

  /** Restores items, within the present bounds; none if they lie elsewhere, because inputs were compared by something else. */
  restore(
    saved: readonly MemorisedItem[],
    { wrong = 0, stale = false, mixture, published, cut }: MemoryState,
  ): void {
    const items = cut === this.#parts.cut ? saved : []
    this.mixture?.restore(mixture)
    this.#wrong = wrong
    this.#isStale = stale
    this.#published = published ?? items.reduce((last, { at }) => Math.max(last, at), -1)
    const oldestFirst = items.toSorted((a, b) => a.at - b.at)
    if (this.#fit(oldestFirst)) {
      this.#hold(oldestFirst)
      return
    }
    this.#hold([])
    for (const item of oldestFirst) this.#take(item, this.#offer(item, this.#items))
  }

  /** Whether the policy keeps them all, as it did when they were saved. One by one, each is compared with all before it. */
  #fit(items: readonly MemorisedItem[]): boolean {
    const last = items.at(-1)
    return last === undefined || this.#offer(last, items.slice(0, -1)).length === 0
  }

  #offer(item: MemorisedItem, kept: readonly MemorisedItem[]): readonly ExampleKey[] {
    return this.#parts.policy.offer(item, kept, { wasRight: false })
  }

  #publishedItems(): readonly MemorisedItem[] {
    const areAll = (this.#items.at(-1)?.at ?? -1) <= this.#published
    return areAll ? this.#items : this.#items.filter((item) => item.at <= this.#published)
  }

  #vectorOf(latent: Latent): Float32Array {
    return this.mixture?.vectorOf(latent) ?? this.#embed(latent)
  }

  #test(
    target: Target,
    vector: Float32Array,
    { logits, head }: HeadAnswer,
    items: readonly MemorisedItem[] = this.#items,
  ): { readonly score: Score; readonly mixed?: MixtureAnswer } {
    const isSilent = this.#task.outputs(head) === 0
    if (isSilent) return { score: this.#task.score(logits, target, head) }
    const mixed = this.mixture?.answer(vector, logits, items, head)
    const answer =
      mixed?.logits ?? this.#parts.engine.mix(this.#tensorsOf(items, head), logits, vector)
    return { score: this.#task.score(answer, target, head), ...(mixed && { mixed }) }
  }

  /** The tensors of the last items and head asked for are kept. */
  #tensorsOf(items: readonly MemorisedItem[], head: Head): Tensors {
    if (this.#tensors?.items !== items || this.#tensors.head !== head) {
      const { policy, width } = this.#parts
      const outputs = this.#task.outputs(head)
      const votes = { width, classes: this.#classes, head, outputs }
      this.#tensors = { items, head, tensors: memoryTensors(items, policy.voice, votes) }
    }
    return this.#tensors.tensors
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
      this.#hold(items)
      return
    }
    const kept = this.#items.filter(({ key }) => !out.has(key))
    this.#hold(out.has(item.key) ? kept : [...kept, item])
  }

  #hold(items: readonly MemorisedItem[]): void {
    this.#items = items
    this.#tensors = undefined
  }
}
