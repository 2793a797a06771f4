/**
 * Two experts of a mixture, both linear in x: a closed form that weighs the whole window of the stream, and a fast head
 * that follows the last examples. Plain JavaScript: one example costs less than a call of an engine.
 *
 *   z = W·x + b
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { MixturePolicy } from '../../contracts/policy.ts'
import type { LinearHead } from '../../nn/mixture.ts'
import { Discriminant } from '../../optim/heads/discriminant.ts'
import { softmax } from '../../nn/softmax.ts'

/**
 * A linear head that follows the stream at once: one normalised gradient step for each example, and no replay. Its
 * knowledge fades as other examples come, which is its use beside slower experts.
 *
 *   W ← W − η/(|x|² + 1)·(softmax(W·[x, 1]) − y)·[x, 1]ᵀ
 *
 * The normalised step of Nagumo & Noda (1967), "A learning method for system identification", IEEE Transactions on
 * Automatic Control 12(3), on the log loss.
 */
class FastHead {
  readonly #width: number
  readonly #rate: number
  /** [outputs][width + 1], the bias last. */
  #weight = new Float32Array()

  constructor(width: number, rate: number) {
    this.#width = width
    this.#rate = rate
  }

  grow(outputs: number): void {
    const size = outputs * (this.#width + 1)
    if (size <= this.#weight.length) return
    const weight = new Float32Array(size)
    weight.set(this.#weight)
    this.#weight = weight
  }

  logits(x: Float32Array, outputs: number): Float32Array {
    const stride = this.#width + 1
    const logits = new Float32Array(outputs)
    for (let column = 0; column < outputs; column += 1) {
      const start = column * stride
      let sum = this.#weight[start + this.#width] ?? 0
      for (let at = 0; at < this.#width; at += 1)
        sum += (this.#weight[start + at] ?? 0) * (x[at] ?? 0)
      logits[column] = sum
    }
    return logits
  }

  /** `answering`: the columns that compete, the right one among them. */
  learn(x: Float32Array, column: number, weight: number, answering: readonly number[]): void {
    const outputs = Math.max(column, ...answering) + 1
    this.grow(outputs)
    const all = this.logits(x, outputs)
    const shares = softmax(answering.map((each) => all[each] ?? 0))
    let square = 1
    for (let at = 0; at < this.#width; at += 1) square += (x[at] ?? 0) ** 2
    const rate = (this.#rate * Math.min(1, weight)) / square
    for (const [place, each] of answering.entries()) {
      const step = rate * ((each === column ? 1 : 0) - (shares[place] ?? 0))
      const start = each * (this.#width + 1)
      for (let at = 0; at < this.#width; at += 1)
        this.#weight[start + at] = (this.#weight[start + at] ?? 0) + step * (x[at] ?? 0)
      this.#weight[start + this.#width] = (this.#weight[start + this.#width] ?? 0) + step
    }
  }

  /** [outputs][width] and [outputs]. */
  head(outputs: number): { readonly weight: Float32Array; readonly bias: Float32Array } {
    this.grow(outputs)
    const weight = new Float32Array(outputs * this.#width)
    const bias = new Float32Array(outputs)
    for (let column = 0; column < outputs; column += 1) {
      const start = column * (this.#width + 1)
      weight.set(this.#weight.subarray(start, start + this.#width), column * this.#width)
      bias[column] = this.#weight[start + this.#width] ?? 0
    }
    return { weight, bias }
  }

  snapshot(): Tensor {
    const stride = this.#width + 1
    return { shape: [this.#weight.length / stride, stride], data: this.#weight.slice() }
  }

  /** Whether it is of this width. */
  restore({ shape, data }: Tensor): boolean {
    if (shape[1] !== this.#width + 1) return false
    this.#weight = data.slice()
    return true
  }

  reset(): void {
    this.#weight = new Float32Array()
  }
}

/** An example at its place x; `column` is its right output. */
interface PlacedExample {
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
