/**
 * The part of a trainable that lives on the engine: the present parameters as tensors, and the two things computed with
 * them. Holds one tensor per parameter between calls, and nothing else (law 8).
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { type AdapterPlan, sitesOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/sites.ts'
import type { Latent, Tensors, TrainRow } from '../contracts.ts'
import type { TensorFlow } from '../nn/tensorflow.ts'
import { tfjsOps } from '../nn/tfjs-ops.ts'
import type { BaseTensors } from './base-tensors.ts'
import { padded } from './batch-input.ts'
import { batchLoss, type LossTargets } from './loss.ts'

interface EngineParts extends AdapterPlan {
  readonly tf: TensorFlow
  readonly baseTensors: BaseTensors
}

type Named = ReadonlyMap<string, tfc.Tensor>

export interface Gradients {
  readonly loss: number
  readonly gradients: ReadonlyMap<string, Float32Array>
}

export class EngineAdapter {
  readonly #parts: EngineParts
  readonly #parameters = new Map<string, tfc.Tensor>()

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  /** Replaces the parameters. The engine shares their memory, so they must never be written to again. */
  load(parameters: Tensors): void {
    const { tf } = this.#parts
    for (const [name, { shape, data }] of parameters) {
      this.#parameters.get(name)?.dispose()
      this.#parameters.set(name, tf.keep(tf.tensor(data, [...shape], 'float32')))
    }
  }

  /** Logits of all rows in one padded batch, row after row. */
  logits(rows: readonly Latent[]): Float32Array {
    // Tidy walks what its function returns, element by element where that is an array: it must not see this one.
    let logits: Float32Array = new Float32Array()
    this.#parts.tf.tidy(() => {
      logits = this.#forward(rows, this.#parameters).dataSync<'float32'>()
    })
    return logits
  }

  /** The loss of the batch, and its gradient for every parameter. */
  gradients(rows: readonly TrainRow[], targets: LossTargets): Gradients {
    const { tf } = this.#parts
    const names = [...this.#parameters.keys()]
    const weights = rows.map(({ weight }) => weight)
    const latents = rows.map(({ latent }) => latent)
    const lossOf = tf.valueAndGrads((...values: tfc.Tensor[]) => {
      const named = new Map(values.map((value, at) => [names[at] ?? '', value]))
      return batchLoss(tf, this.#forward(latents, named), targets, weights)
    })
    const gradients = new Map<string, Float32Array>()
    let loss = NaN
    tf.tidy(() => {
      const { value, grads } = lossOf([...this.#parameters.values()])
      loss = value.dataSync()[0] ?? NaN
      for (const [at, name] of names.entries())
        gradients.set(name, grads[at]?.dataSync<'float32'>() ?? new Float32Array())
    })
    return { loss, gradients }
  }

  dispose(): void {
    for (const tensor of this.#parameters.values()) tensor.dispose()
    this.#parameters.clear()
  }

  /** Tail, pooling and head → logits [b, labels]. */
  #forward(rows: readonly Latent[], parameters: Named): tfc.Tensor2D {
    const { tf, base, baseTensors, method, task, config } = this.#parts
    const { network } = base
    const ops = tfjsOps(tf, baseTensors, parameters)
    const input = padded(rows)
    const hidden = tf.tensor(input.hidden.data, [...input.hidden.shape])
    const mask = tf.tensor(input.mask.data, [...input.mask.shape])
    const adaptation = method.adaptation(ops, sitesOf(this.#parts), config, false)
    const cut = cutOf(config.tail_layers, network.layers)
    const embedding = network.tail(ops, hidden, mask, cut, adaptation)
    return tf.reshape(task.logits(ops, embedding, network.unit), [rows.length, -1])
  }
}
