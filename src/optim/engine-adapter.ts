/**
 * The part of a trainable on the engine: the present parameters as tensors, and the two computations with them. Holds
 * one tensor per parameter between calls, and nothing else (law 8).
 */
import { headInput } from '../nn/head-input.ts'
import type * as tfc from '@tensorflow/tfjs-core'
import { type AdapterPlan, methodOf, sitesOf, statisticsOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import type { Method, TrainRow } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Latent, TargetModule } from '../contracts/network.ts'
import { openDropout, type Dropout } from '../nn/dropout.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../nn/tfjs/ops.ts'
import { invariant } from '../platform/errors.ts'
import type { BaseTensors } from './base-tensors.ts'
import { padded } from './batch-input.ts'
import { lengthGroups } from './length-groups.ts'
import type { OutputLoss } from './loss.ts'

interface EngineParts extends AdapterPlan {
  readonly tf: TensorFlow
  readonly baseTensors: BaseTensors
}

type Named = ReadonlyMap<string, tfc.Tensor>

/** What computes for a trainable. Equal calls give equal bits. */
export interface AdapterEngine {
  /** Replaces the parameters. Their memory is shared, so they must never be written to again. */
  load(parameters: Tensors): void
  /** Logits of each row. */
  logits(rows: readonly Latent[]): readonly Float32Array[]
  /** With weights other than the present ones, and a head that may have fewer outputs; the base's statistics stay. */
  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[]
  /** The loss of the batch, and its gradient for every parameter that learns by gradients. `seed` is that of dropout. */
  gradients(rows: readonly TrainRow[], lossOf: LossOf, seed: string): Gradients
  dispose(): void
}

export interface Gradients {
  readonly loss: number
  readonly gradients: ReadonlyMap<string, Float32Array>
  /** Of each row, from the forward pass. */
  readonly logits: readonly Float32Array[]
}

/** Of some rows of the step and their outputs, row after row. */
export type LossOf = (rows: readonly TrainRow[], outputs: Float32Array) => OutputLoss

export class EngineAdapter implements AdapterEngine {
  readonly #parts: EngineParts
  readonly #parameters = new Map<string, tfc.Tensor>()

  readonly #method: Method
  readonly #sites: readonly TargetModule[]
  readonly #cut: number
  /** Names of what no gradient moves. */
  readonly #nonTrainable: ReadonlySet<string>

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#method = methodOf(parts)
    this.#sites = sitesOf(parts)
    this.#cut = cutOf(parts.config.tail_layers, parts.base.network.layers)
    this.#nonTrainable = new Set(statisticsOf(parts).map(({ name }) => name))
  }

  /** Replaces the parameters. The engine shares their memory, so they must never be written to again. */
  load(parameters: Tensors): void {
    const { tf } = this.#parts
    for (const [name, { shape, data }] of parameters) {
      this.#parameters.get(name)?.dispose()
      this.#parameters.set(name, tf.keep(tf.tensor(data, [...shape], 'float32')))
    }
  }

  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[] {
    const { tf } = this.#parts
    const uploaded = new Map(
      [...parameters].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
    )
    const nonTrainable = [...this.#parameters].filter(([name]) => this.#nonTrainable.has(name))
    const logits = this.logits(rows, new Map([...nonTrainable, ...uploaded]))
    for (const tensor of uploaded.values()) tensor.dispose()
    return logits
  }

  /** Logits of each row. */
  logits(rows: readonly Latent[], parameters: Named = this.#parameters): readonly Float32Array[] {
    const logits = rows.map((): Float32Array => new Float32Array())
    for (const group of this.#groups(rows)) {
      // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
      this.#parts.tf.tidy(() => {
        const latents = group.map((row) => itemAt(rows, row))
        const data = this.#forward(latents, parameters).dataSync<'float32'>()
        spread(data, group, logits)
      })
    }
    return logits
  }

  /** The loss of the batch, and its gradient for every parameter: the sums over its groups. */
  gradients(rows: readonly TrainRow[], lossOf: LossOf, seed: string): Gradients {
    const gradients = new Map<string, Float32Array>()
    const logits = rows.map((): Float32Array => new Float32Array())
    let loss = 0
    for (const [at, group] of this.#groups(rows.map(({ latent }) => latent)).entries()) {
      const chosen = group.map((row) => itemAt(rows, row))
      const dropout = openDropout(seed, at)
      this.#parts.tf.tidy(() => {
        const grads = this.#differentiate(chosen, dropout, (outputs) => {
          spread(outputs, group, logits)
          const found = lossOf(chosen, outputs)
          loss += found.loss
          return found.gradient
        })
        for (const [at, name] of this.#learning().entries())
          gradients.set(name, added(gradients.get(name), itemAt(grads, at).dataSync<'float32'>()))
      })
    }
    return { loss, gradients, logits }
  }

  dispose(): void {
    for (const tensor of this.#parameters.values()) tensor.dispose()
    this.#parameters.clear()
  }

  /** `gradientOf` answers ∂L/∂z of the outputs z; Σ z · ∂L/∂z has the same gradient as L for everything below. */
  #differentiate(
    rows: readonly TrainRow[],
    dropout: Dropout,
    gradientOf: (outputs: Float32Array) => Float32Array,
  ): readonly tfc.Tensor[] {
    const { tf } = this.#parts
    const names = this.#learning()
    const latents = rows.map(({ latent }) => latent)
    const product = (...values: tfc.Tensor[]) => {
      const moved = names.map((name, at) => [name, itemAt(values, at)] as const)
      const parameters = new Map([...this.#parameters, ...moved])
      const logits = this.#forward(latents, parameters, dropout)
      const gradient = gradientOf(logits.dataSync<'float32'>())
      return tf.sum<tfc.Scalar>(tf.mul(logits, tf.tensor(gradient, logits.shape)))
    }
    const learning = [...this.#parameters].filter(([name]) => !this.#nonTrainable.has(name))
    return tf.valueAndGrads(product)(learning.map(([, tensor]) => tensor)).grads
  }

  #learning(): readonly string[] {
    return [...this.#parameters.keys()].filter((name) => !this.#nonTrainable.has(name))
  }

  #groups(rows: readonly Latent[]): readonly number[][] {
    return lengthGroups(rows.map(({ positions }) => positions))
  }

  /** Tail, pooling and head → outputs [b, k]. */
  #forward(rows: readonly Latent[], parameters: Named, dropout?: Dropout): tfc.Tensor2D {
    const { tf, base, baseTensors, task } = this.#parts
    const { network } = base
    const ops = tfjsOps(tf, baseTensors, parameters, dropout)
    const input = padded(rows)
    const hidden = tf.tensor(input.hidden.data, [...input.hidden.shape])
    const mask = tf.tensor(input.mask.data, [...input.mask.shape])
    const adaptation = this.#method.adaptation(ops, this.#sites, false)
    const embedding = headInput<tfc.Tensor>(ops, network, task.reads, {
      hidden,
      mask,
      cut: this.#cut,
      adaptation,
    })
    return tf.reshape(task.logits(ops, embedding, network.unit), [rows.length, -1])
  }
}

/** Rows of a group to their places in the batch. */
function spread(data: Float32Array, group: readonly number[], logits: Float32Array[]): void {
  const width = data.length / group.length
  for (const [at, row] of group.entries()) logits[row] = data.slice(at * width, (at + 1) * width)
}

/** A loop, because `map` takes three times as long, and with `full` there are millions of numbers in each step. */
function added(sum: Float32Array | undefined, more: Float32Array): Float32Array {
  if (sum === undefined) return more
  const total = new Float32Array(more.length)
  for (let at = 0; at < total.length; at += 1) total[at] = (sum[at] ?? 0) + (more[at] ?? 0)
  return total
}

function itemAt<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  invariant(item !== undefined, `no item ${index} of ${items.length}`)
  return item
}
