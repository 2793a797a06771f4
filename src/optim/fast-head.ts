/**
 * A linear head that follows the stream at once: one normalised gradient step for each example, and no replay. Its
 * knowledge fades as other examples come, which is its use beside slower experts.
 *
 *   W ← W − η/(|x|² + 1)·(softmax(W·[x, 1]) − y)·[x, 1]ᵀ
 *
 * The normalised step of Nagumo & Noda (1967), "A learning method for system identification", IEEE Transactions on
 * Automatic Control 12(3), on the log loss.
 */
import type { Tensor } from '../contracts/core.ts'
import { softmax } from '../nn/softmax.ts'

export class FastHead {
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
