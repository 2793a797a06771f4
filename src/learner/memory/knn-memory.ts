/**
 * kNN memory: stored examples that vote before any step has learned them. Their keys are the base's own embeddings, or means
 * of its trunk's output, which no step changes.
 */
import type { Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Memory } from '../../contracts/policy.ts'
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
import { ExampleMemory, type MemorisedItem, type MemoryState } from './example-memory.ts'
import { Mixture, type MixtureAnswer } from './mixture.ts'

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

/** The answer of the head alone to an example. */
export interface HeadAnswer {
  readonly latent: Latent
  readonly logits: Float32Array
  readonly head: Head
}

export class KnnMemory extends ExampleMemory {
  readonly #parts: KnnMemoryParts
  readonly #embed: KnnEngine['embed']
  #tensors:
    | { readonly items: readonly MemorisedItem[]; readonly head: Head; readonly tensors: Tensors }
    | undefined
  readonly #task: Task
  readonly #classes: Classes
  /** Undefined unless stored examples are one of several experts. */
  readonly mixture: Mixture | undefined

  constructor(parts: KnnMemoryParts, task: Task) {
    super(parts.policy)
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

  get shape(): MemoryShape {
    return {
      ...{ slots: slotsFor(this.items.length), items: this.items.length },
      ...(this.mixture && { mixture: true }),
      ...(this.mixture?.leafRoom !== undefined && { leaves: this.mixture.leafRoom }),
      ...(this.#parts.cut !== undefined && { at_cut: true }),
    }
  }

  /** Tests an example that is not stored, with the present items or with those of another version. */
  test(
    { target }: Pick<Example, 'target'>,
    answer: HeadAnswer,
    items: readonly MemorisedItem[] = this.items,
  ): Score {
    return this.#test(target, this.#vectorOf(answer.latent), answer, items).score
  }

  /** Test, then store. */
  testAndStore(example: Example, answer: HeadAnswer): Score {
    const { key, target, weight, predictionId, timeMs } = example
    const vector = this.#vectorOf(answer.latent)
    // Experts are judged by what a server answers now; a correction that is published at once counts at once.
    const known = this.mixture ? this.publishedItems : undefined
    const { score, mixed } = this.#test(target, vector, answer, known)
    if (mixed !== undefined) this.mixture?.observe(mixed, target, answer.head)
    const wasRight = score.error === 0
    if (!wasRight) this.wasWrong()
    const vote = this.#classes.vote(target)
    if (vote !== undefined && weight > 0 && vector.every(Number.isFinite)) {
      const item = {
        ...{ key, vote, vector },
        ...(predictionId !== undefined && { predictionId }),
        ...(timeMs !== undefined && { timeMs }),
      }
      this.store(item, { wasRight })
    }
    return score
  }

  override clear(): void {
    this.mixture?.clear()
    super.clear()
  }

  parameters(head: Head): Tensors {
    if (this.mixture !== undefined)
      return this.mixture.tensors(this.items, head, this.#task.outputs(head))
    return this.#tensorsOf(this.items, head)
  }

  override snapshot(): MemoryState {
    const { cut } = this.#parts
    const state = { ...super.snapshot(), ...(cut !== undefined && { cut }) }
    if (this.mixture === undefined) return state
    return { ...state, mixture: this.mixture.snapshot(), published: this.lastPublished }
  }

  /** Restores items; none if they lie elsewhere, because inputs were compared by something else. */
  override restore(items: readonly MemorisedItem[], state: MemoryState): void {
    this.mixture?.restore(state.mixture)
    super.restore(state.cut === this.#parts.cut ? items : [], state)
  }

  #vectorOf(latent: Latent): Float32Array {
    return this.mixture?.vectorOf(latent) ?? this.#embed(latent)
  }

  #test(
    target: Target,
    vector: Float32Array,
    { logits, head }: HeadAnswer,
    items: readonly MemorisedItem[] = this.items,
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
}
