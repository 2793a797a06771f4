/**
 * Two experts of a mixture, both linear in x: a closed form that weighs the whole window of the stream, and a fast head
 * that follows the last examples. Plain JavaScript: one example costs less than a call of an engine.
 *
 *   z = W·x + b
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { MixturePolicy } from '../../contracts/policy.ts'
import type { LinearHead } from '../../nn/mixture.ts'
import { Discriminant } from '../../optim/discriminant.ts'
import { FastHead } from '../../optim/fast-head.ts'

/** An example at its place x; `column` is its right output. */
export interface PlacedExample {
  readonly x: Float32Array
  readonly column: number
  readonly weight: number
}

const FAST = 'fast'
const CLOSED_FORM = 'closed_form/'

export class LinearExperts {
  readonly #fast: FastHead
  /** Undefined for inputs that are too wide: its cost rises with the cube of their width. */
  readonly #closedForm: Discriminant | undefined

  constructor(width: number, { rate, window, widest }: MixturePolicy) {
    this.#fast = new FastHead(width, rate)
    this.#closedForm = width <= widest ? new Discriminant(width, window) : undefined
  }

  /** Undefined before it has learned something. */
  closedForm(outputs: number): LinearHead | undefined {
    return this.#closedForm?.head(outputs)
  }

  fast(outputs: number): LinearHead {
    return this.#fast.head(outputs)
  }

  /** Logits at x: of the closed form, if it can answer, and of the fast head. */
  logits(x: Float32Array, outputs: number) {
    const closedForm = this.closedForm(outputs)
    return {
      closedForm: closedForm && linear(closedForm, x, outputs),
      fast: this.#fast.logits(x, outputs),
    }
  }

  grow(outputs: number): void {
    this.#fast.grow(outputs)
  }

  /** `answering`: the outputs that may answer; the fast head learns nothing of others. */
  learn(example: PlacedExample, answering: readonly number[], outputs: number): void {
    const { x, column, weight } = example
    const solved = this.closedForm(outputs)
    const logits = solved && Float32Array.from(linear(solved, x, outputs))
    this.#closedForm?.learn(x, column, weight, logits)
    if (answering.includes(column)) this.#fast.learn(x, column, weight, answering)
  }

  snapshot(): Tensors {
    const closedForm = [...(this.#closedForm?.snapshot() ?? [])]
    return new Map<string, Tensor>([
      [FAST, this.#fast.snapshot()],
      ...closedForm.map(([name, tensor]) => [CLOSED_FORM + name, tensor] as const),
    ])
  }

  /** Returns whether the tensors are of these experts; if not, the experts start again. */
  restore(tensors: Tensors): boolean {
    const fast = tensors.get(FAST)
    const own = [...tensors].filter(([name]) => name.startsWith(CLOSED_FORM))
    const closedForm = new Map(
      own.map(([name, tensor]) => [name.slice(CLOSED_FORM.length), tensor] as const),
    )
    const fits =
      fast !== undefined &&
      this.#fast.restore(fast) &&
      this.#closedForm?.restore(closedForm) !== false
    if (!fits) this.reset()
    return fits
  }

  reset(): void {
    this.#fast.reset()
    this.#closedForm?.reset()
  }
}

function linear({ weight, bias }: LinearHead, x: Float32Array, outputs: number): number[] {
  const z = new Array<number>(outputs).fill(0)
  for (let column = 0; column < outputs; column += 1) {
    let sum = bias[column] ?? 0
    for (let at = 0; at < x.length; at += 1)
      sum += (weight[column * x.length + at] ?? 0) * (x[at] ?? 0)
    z[column] = sum
  }
  return z
}
