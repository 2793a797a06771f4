/**
 * A memory of answers that are texts: lessons that a server puts before a prompt. Nothing here compares them; only the server
 * has prompts, and it embeds the questions of a version when it loads it.
 */
import type { LanguageModel } from '../../contracts/base.ts'
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Memory } from '../../contracts/policy.ts'
import type { Task } from '../../contracts/task.ts'
import type { Lesson } from '../../contracts/text-task.ts'
import { lessonTensors } from '../../nn/lessons.ts'
import { invariant } from '../../platform/errors.ts'
import type { MemoryShape } from '../../versions/contract.ts'
import { ExampleMemory, type MemorisedItem } from './example-memory.ts'

export interface TextMemoryParts {
  readonly policy: Memory
  readonly language: LanguageModel
}

export class TextMemory extends ExampleMemory {
  /** Nothing says whether an answer was wrong, so each lesson counts. */
  protected override readonly counted = 'stored answers'
  readonly #language: LanguageModel
  readonly #recall: NonNullable<Task['texts']>['recall']
  #tensors: { readonly items: readonly MemorisedItem[]; readonly tensors: Tensors } | undefined

  constructor({ policy, language }: TextMemoryParts, { kind, texts }: Task) {
    super(policy)
    invariant(texts !== undefined, `a memory of texts for ${kind}, which answers with none`)
    this.#language = language
    this.#recall = texts.recall
  }

  get shape(): MemoryShape {
    const [tensor] = this.parameters().values()
    return { slots: 1, items: this.items.length, texts: tensor?.data.length ?? 0 }
  }

  /** What it teaches, if it says what is right. */
  add({ key, source, id, encoded, target, weight, predictionId, timeMs }: Example): void {
    const lesson = weight > 0 ? this.#recall.lesson(encoded, target, this.#language) : undefined
    if (lesson === undefined) return
    this.wasWrong()
    const time = timeMs !== undefined && { timeMs }
    const item = {
      ...{ key, vote: { source, id, ...time, ...lesson } satisfies Lesson as Json },
      vector: new Float32Array(),
      ...(predictionId !== undefined && { predictionId }),
      ...time,
    }
    this.store(item, { wasRight: false })
  }

  parameters(): Tensors {
    if (this.#tensors?.items !== this.items) {
      const lessons = this.items.map(({ vote }) => vote as unknown as Lesson)
      this.#tensors = { items: this.items, tensors: lessonTensors(lessons) }
    }
    return this.#tensors.tensors
  }
}
