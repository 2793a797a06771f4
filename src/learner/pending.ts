/**
 * Examples accepted but not learned yet, in order, and the head after they are learned: new outputs are announced here
 * and added at the update.
 */
import type { Trainable } from '../contracts/adapter.ts'
import type { ExampleKey } from '../contracts/core.ts'
import type { Example, Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'

export class Pending {
  readonly #task: Pick<Task, 'grown' | 'check' | 'union'>
  readonly #trainable: Pick<Trainable, 'head' | 'grow'>
  readonly #examples = new Map<ExampleKey, Example>()
  /** Absent after a removal, which may have taken back an announcement. */
  #head: Head | undefined

  constructor(
    task: Pick<Task, 'grown' | 'check' | 'union'>,
    trainable: Pick<Trainable, 'head' | 'grow'>,
  ) {
    this.#task = task
    this.#trainable = trainable
  }

  get size(): number {
    return this.#examples.size
  }

  has(key: ExampleKey): boolean {
    return this.#examples.has(key)
  }

  get examples(): readonly Example[] {
    return [...this.#examples.values()]
  }

  /** After the next update. */
  get head(): Head {
    this.#head ??= this.grownFor(this.examples)
    return this.#head
  }

  /** The head that can learn these. */
  grownFor(examples: readonly Example[]): Head {
    return this.#task.grown(
      this.#trainable.head,
      examples.map(({ target }) => target),
    )
  }

  /** Throws a coded error for a target that cannot be learned. */
  check({ target }: Example): void {
    this.#task.check(target, this.head)
  }

  /** Throws a coded error for a target that cannot be learned. */
  add(example: Example): void {
    this.check(example)
    this.#head = this.#task.grown(this.head, [example.target])
    this.#examples.set(example.key, example)
  }

  remove(key: ExampleKey): void {
    if (this.#examples.delete(key)) this.#head = undefined
  }

  restore(examples: readonly Example[]): void {
    this.#examples.clear()
    for (const example of examples) this.#examples.set(example.key, example)
    this.#head = undefined
  }

  /** Adds the outputs of `other` that the present head lacks; returns whether there were any. */
  extend(other: Head): boolean {
    const head = this.#task.union(this.#trainable.head, other)
    const isLonger = head !== this.#trainable.head
    if (isLonger) this.#trainable.grow(head)
    this.headChanged()
    return isLonger
  }

  /** The present head is another one than before. */
  headChanged(): void {
    this.#head = undefined
  }
}
