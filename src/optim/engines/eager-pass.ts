/**
 * The network forward and backward on TensorFlow, kernel by kernel: the reference, and the fallback for networks that
 * cannot be compiled.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { type AdapterPlan, methodOf, sitesOf } from '../../adapters/adapter.ts'
import { cutOf } from '../../adapters/target-modules.ts'
import type { Base } from '../../contracts/base.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Dropout } from '../../nn/dropout.ts'
import { embeddingOf, headOutputs } from '../../nn/head-input.ts'
import { tfjsOps } from '../../nn/tfjs/ops.ts'
import type { TensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { invariant } from '../../platform/errors.ts'
import { batchOf, lengthGroups, packedGroups } from './batch.ts'

/**
 * The frozen weights of a base on the training engine, shared by all its trainables. A weight is uploaded when the tail
 * first reads it, so weights of the trunk, such as an embedding table, never are.
 */
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

export interface PassParts extends AdapterPlan {
  readonly tf: TensorFlow
  readonly baseTensors: BaseTensors
}

export type TensorsByName = ReadonlyMap<string, tfc.Tensor>

export interface PassInput {
  readonly latents: readonly Latent[]
  readonly parameters: TensorsByName
  /** The names of the parameters that learn. */
  readonly names: readonly string[]
  readonly dropout: Dropout
}

/** Both are called inside a tidy. */
export interface Pass {
  /** Cuts rows of these lengths into the groups that the other calls take; absent = `lengthGroups`. */
  readonly groupsOf?: (lengths: readonly number[]) => readonly number[][]
  /** Outputs of each row. */
  outputs(latents: readonly Latent[], parameters: TensorsByName): readonly Float32Array[]
  /** `gradientOf` answers ∂L/∂z of the outputs z, row after row. Answers ∂L of each of `names`. */
  gradients(input: PassInput, gradientOf: GradientOf): readonly Float32Array[]
  /** For rows of texts: KL of each answer to the base, per token, in nats. */
  divergences?(latents: readonly Latent[], parameters: TensorsByName): readonly number[]
  close(): void
}

type GradientOf = (outputs: readonly Float32Array[]) => Float32Array

export function eagerPass(parts: PassParts): Pass {
  const { tf } = parts
  return {
    ...(isPacked(parts) && { groupsOf: packedGroups }),
    outputs: (latents, parameters) =>
      outputsOf(parts, latents, forward(parts, latents, parameters)),
    /** Σ z · ∂L/∂z has the same gradient as L for everything below. */
    gradients({ latents, parameters, names, dropout }, gradientOf) {
      const product = (...values: tfc.Tensor[]) => {
        const moved = names.map((name, at) => [name, tensorAt(values, at)] as const)
        const logits = forward(parts, latents, new Map([...parameters, ...moved]), dropout)
        const gradient = gradientOf(outputsOf(parts, latents, logits))
        const all = withPadding(parts, latents, gradient, logits.size)
        return tf.sum<tfc.Scalar>(tf.mul(logits, tf.tensor(all, logits.shape)))
      }
      const learning = names.map((name) => presentOf(parameters, name))
      const { grads } = tf.valueAndGrads(product)(learning)
      return grads.map((gradient) => gradient.dataSync<'float32'>())
    },
    close() {
      // Nothing is kept between calls.
    },
  }
}

/** Tail, pooling and head → outputs [b, 1, k] or [b, s, k]; packed [1, n, k]. */
function forward(
  parts: PassParts,
  rows: readonly Latent[],
  parameters: TensorsByName,
  dropout?: Dropout,
): tfc.Tensor {
  const { tf, base, baseTensors, task, config } = parts
  const { network } = base
  const plain = tfjsOps(tf, baseTensors, parameters, dropout)
  const { ops, hidden, mask } = batchOf(tf, plain, rows, isPacked(parts))
  const adaptation = methodOf(parts).adaptation(ops, sitesOf(parts), false)
  const cut = cutOf(config.tail_layers, network.layers)
  return headOutputs<tfc.Tensor>(ops, network, task, { hidden, mask, cut, adaptation })
}

export type EmbedderParts = Pick<PassParts, 'tf' | 'base' | 'method' | 'baseTensors' | 'config'>

/**
 * Latents → embeddings in plain memory, through the tail of a method without parameters: one a row, in the order of the rows.
 * Leaves no tensor on the engine (law 8).
 */
export function embed(parts: EmbedderParts, rows: readonly Latent[]): readonly Float32Array[] {
  const { tf, base, method, baseTensors, config } = parts
  const { network } = base
  const isPacked = network.packs === true
  const cut = cutOf(config.tail_layers, network.layers)
  const embeddings = rows.map((): Float32Array => new Float32Array())
  const groupsOf = isPacked ? packedGroups : lengthGroups
  for (const group of groupsOf(rows.map(({ positions }) => positions))) {
    const latents = group.flatMap((row) => rows[row] ?? [])
    // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
    tf.tidy(() => {
      const plain = tfjsOps(tf, baseTensors, new Map())
      const { ops, hidden, mask } = batchOf(tf, plain, latents, isPacked)
      const adaptation = method.open(config).adaptation(ops, sitesOf(parts), false)
      const embedded = embeddingOf(ops, network, { hidden, mask, cut, adaptation })
      const found = rowsOf(embedded, latents.length)
      for (const [at, row] of group.entries()) embeddings[row] = found[at] ?? new Float32Array()
    })
  }
  return embeddings
}

/** Random numbers are drawn for rows side by side. */
export function isPacked(parts: PassParts): boolean {
  const { base, task } = parts
  const isRandom = methodOf(parts).isRandomInSteps === true
  return base.network.packs === true && task.reads !== 'answers' && !isRandom
}

/** Of each row, in any shape of the engine: for a task that reads positions those of its own ones, without padding. */
export function outputsOf(
  parts: PassParts,
  latents: readonly Latent[],
  outputs: tfc.Tensor,
): readonly Float32Array[] {
  if (parts.task.reads !== 'positions') return rowsOf(outputs, latents.length)
  const data = outputs.dataSync<'float32'>()
  const { starts, columns } = layoutOf(parts, latents, data.length)
  return latents.map(({ positions }, row) => {
    const from = (starts[row] ?? 0) * columns
    return data.slice(from, from + positions * columns)
  })
}

/** The other way: a gradient of those outputs as one of all, where padding has none. */
export function withPadding(
  parts: PassParts,
  latents: readonly Latent[],
  gradient: Float32Array,
  size: number,
): Float32Array {
  if (gradient.length === size) return gradient
  const all = new Float32Array(size)
  const { starts, columns } = layoutOf(parts, latents, size)
  let next = 0
  for (const [row, { positions }] of latents.entries()) {
    const own = gradient.subarray(next, (next += positions * columns))
    all.set(own, (starts[row] ?? 0) * columns)
  }
  return all
}

/** The first position of each row among those of a batch of so many outputs, and the outputs of a position. */
function layoutOf(parts: PassParts, latents: readonly Latent[], size: number) {
  const longest = Math.max(0, ...latents.map(({ positions }) => positions))
  const packs = isPacked(parts)
  let next = 0
  const starts = latents.map(({ positions }) => {
    const start = next
    next += packs ? positions : longest
    return start
  })
  return { starts, columns: size / next }
}

function rowsOf(outputs: tfc.Tensor, rows: number): readonly Float32Array[] {
  const data = outputs.dataSync<'float32'>()
  const width = data.length / rows
  return Array.from({ length: rows }, (_, row) => data.slice(row * width, (row + 1) * width))
}

export function presentOf(tensors: Pick<TensorsByName, 'get'>, name: string): tfc.Tensor {
  const tensor = tensors.get(name)
  invariant(tensor !== undefined, `there is no tensor ${name}`)
  return tensor
}

export function tensorAt(tensors: readonly tfc.Tensor[], at: number): tfc.Tensor {
  const tensor = tensors[at]
  invariant(tensor !== undefined, `no tensor ${at} of ${tensors.length}`)
  return tensor
}
