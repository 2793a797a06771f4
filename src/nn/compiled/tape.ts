/**
 * Gradients as nodes of the same graph: each operation notes how the gradient of its result flows back, and `backward` walks the
 * notes in reverse. Nothing is computed here.
 */
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'

/** `back` answers the gradient of each of `inputs`, in order; it is asked for those that move alone. */
export type Note = (
  value: GraphValue,
  inputs: readonly GraphValue[],
  back: (gradient: GraphValue, input: number) => GraphValue,
) => GraphValue

export class Tape {
  readonly #kernels: Kernels
  readonly #notes: (() => void)[] = []
  readonly #gradients = new Map<string, GraphValue>()

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  readonly note: Note = (value, inputs, back) => {
    if (!value.moves || this.#isNoted(value)) return value
    this.#noted.add(value.name)
    this.#notes.push(() => {
      const gradient = this.#gradients.get(value.name)
      if (gradient === undefined) return
      for (const [at, input] of inputs.entries())
        if (input.moves) this.#receive(input, back(gradient, at))
    })
    return value
  }

  /** Computes the gradients of all trainable values from the gradient of `output`. Call it once. */
  backward(output: GraphValue, gradient: GraphValue): void {
    this.#receive(output, gradient)
    for (const back of this.#notes.reverse()) back()
  }

  /** Undefined if no gradient arrived. */
  gradientOf(value: GraphValue): GraphValue | undefined {
    return this.#gradients.get(value.name)
  }

  /** The same computation twice is one node, and its gradients arrive there together. */
  readonly #noted = new Set<string>()
  #isNoted({ name }: GraphValue): boolean {
    return this.#noted.has(name)
  }

  #receive(value: GraphValue, gradient: GraphValue): void {
    const before = this.#gradients.get(value.name)
    const whole = this.#kernels.summedTo(gradient, value.shape)
    this.#gradients.set(value.name, before ? this.#kernels.add(before, whole) : whole)
  }
}
