/**
 * Examples that were accepted and not learned yet, in order, and the labels that the head will have once they are:
 * under open labels a new one is announced here and grown at the update.
 */
import type { ExampleKey } from '../contracts/core.ts'
import type { Example } from '../contracts/task.ts'
import { failure } from '../platform/errors.ts'
import { retiredAmong } from './retired-among.ts'

export interface LabelRules {
  /** Whether labels that are not known yet may be learned. */
  readonly open: boolean
  readonly limit: number
  /** Neither answered nor learned. */
  readonly retired?: readonly string[] | undefined
}

export class Pending {
  readonly #rules: LabelRules
  readonly #head: () => readonly string[]
  readonly #examples = new Map<ExampleKey, Example>()
  /** Head and announced labels; absent after a removal, which may have taken back an announcement. */
  #labels: readonly string[] | undefined

  /** `head` answers the labels that the head has now. */
  constructor(rules: LabelRules, head: () => readonly string[]) {
    this.#rules = rules
    this.#head = head
  }

  get size(): number {
    return this.#examples.size
  }

  get examples(): readonly Example[] {
    return [...this.#examples.values()]
  }

  get labels(): readonly string[] {
    this.#labels ??= [...this.#head(), ...this.announced(this.examples)]
    return this.#labels
  }

  /** Labels of `examples` that the head does not have, in the order of their first appearance. */
  announced(examples: readonly Example[]): readonly string[] {
    const head = new Set(this.#head())
    const named = examples.flatMap(({ target }) => (target.kind === 'label' ? [target.label] : []))
    return [...new Set(named)].filter((label) => !head.has(label))
  }

  /** Throws a coded error for a label that cannot be learned. */
  check({ target }: Example): void {
    if (!this.labels.includes(target.label)) this.#checkNew(target)
  }

  /** Throws a coded error for a label that cannot be learned. */
  add(example: Example): void {
    this.check(example)
    const { label } = example.target
    if (!this.labels.includes(label)) this.#labels = [...this.labels, label]
    this.#examples.set(example.key, example)
  }

  remove(key: ExampleKey): void {
    if (this.#examples.delete(key)) this.#labels = undefined
  }

  restore(examples: readonly Example[]): void {
    this.#examples.clear()
    for (const example of examples) this.#examples.set(example.key, example)
    this.#labels = undefined
  }

  /** The head has other labels than before. */
  headChanged(): void {
    this.#labels = undefined
  }

  /** A retired label makes room for another one. */
  get #answering(): number {
    return this.labels.length - retiredAmong(this.labels, this.#rules.retired).length
  }

  #checkNew(target: Example['target']): void {
    const details = { label: target.label }
    const { open, limit } = this.#rules
    // That an answer which nobody knows is wrong teaches nothing.
    if (!open || target.kind === 'not')
      throw failure('LABEL_UNKNOWN', `the head has no label "${target.label}"`, { details })
    if (this.#answering >= limit)
      throw failure('LABELS_FULL', `"${target.label}" would be one more than ${limit}`, { details })
  }
}
