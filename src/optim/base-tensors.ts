/**
 * The frozen weights of a base on the training engine, shared by all its trainables. A weight is uploaded when the tail
 * first reads it, so weights of the trunk, such as an embedding table, never are.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Base } from '../contracts/base.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'

export class BaseTensors {
  readonly #tf: TensorFlow
  readonly #base: Base
  readonly #uploaded = new Map<string, tfc.Tensor>()

  constructor(tf: TensorFlow, base: Base) {
    this.#tf = tf
    this.#base = base
  }

  /** Undefined for a name that the base does not have. */
  get(name: string): tfc.Tensor | undefined {
    const uploaded = this.#uploaded.get(name)
    const weight = this.#base.weights.get(name)
    if (uploaded !== undefined || weight === undefined) return uploaded
    // Kept: the first use is inside a tidy, and the weight outlives it.
    const tensor = this.#tf.keep(this.#tf.tensor(weight.data, [...weight.shape], 'float32'))
    this.#uploaded.set(name, tensor)
    return tensor
  }

  /** Only when nothing trains on the base any more. */
  dispose(): void {
    for (const tensor of this.#uploaded.values()) tensor.dispose()
    this.#uploaded.clear()
  }
}
