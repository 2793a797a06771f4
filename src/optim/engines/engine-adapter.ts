/**
 * The part of a trainable that runs on TensorFlow: the present parameters as tensors, and the forward and backward
 * passes with them, eager or compiled. Holds one tensor per parameter between calls, and nothing else (law 8).
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { statisticsOf } from '../../adapters/adapter.ts'
import type { TrainRow } from '../../contracts/adapter.ts'
import type { Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import { openDropout } from '../../nn/dropout.ts'
import { invariant } from '../../platform/errors.ts'
import { type Compiling, openCompiledNetwork } from './compiled-network.ts'
import {
  eagerPass,
  type TensorsByName,
  type Pass,
  type PassParts,
  isPacked,
  outputsOf,
  withPadding,
} from './eager-pass.ts'
import { packed, padded, lengthGroups, packedGroups } from './batch.ts'
import { openAnswerPass } from './answer-pass.ts'

interface EngineParts extends PassParts {
  /** Absent = eager. */
  readonly compiling?: Compiling | undefined
  /** The loss of a step compares its rows with each other, so they go through the network as one group. */
  readonly isJoint?: true
}

/** The engine of a trainable. Equal calls give equal bits. */
export interface AdapterEngine {
  /** Replaces the parameters. Their memory is shared, so they must never be written to again. */
  load(parameters: Tensors): void
  /** Logits of each row. */
  logits(rows: readonly Latent[]): readonly Float32Array[]
  /** Logits by other weights than the present ones, with a head that may have fewer outputs; the base's statistics stay. */
  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[]
  /** For rows of texts, with these weights or the present ones: KL to the base per token. */
  divergences?(rows: readonly Latent[], parameters?: Tensors): readonly number[]
  /**
   * The loss of the batch, and its gradient for every parameter that learns by gradients. `seed` is that of dropout.
   * `needsLogits`: false if nothing reads them.
   */
  gradients(
    rows: readonly TrainRow[],
    lossOf: LossOf,
    seed: string,
    needsLogits?: boolean,
  ): Gradients
  dispose(): void
}

export interface Gradients {
  readonly loss: number
  readonly gradients: ReadonlyMap<string, Float32Array>
  /** The logits of each row, from the forward pass; maybe none if nothing needs them. */
  readonly logits: readonly Float32Array[]
}

export interface OutputLoss {
  readonly loss: number
  /** Row after row, like the outputs. */
  readonly gradient: Float32Array
}

/** A gradient for outputs: all of it, and the part of each row. */
export interface OutputGradient {
  readonly all: Float32Array
  readonly rows: readonly Float32Array[]
}

/**
 * The loss of some rows of the step, from the outputs of each, which change with the next pass. `into`: room for the
 * gradient, full of zeros.
 */
export type LossOf = (
  rows: readonly TrainRow[],
  outputs: readonly Float32Array[],
  into?: OutputGradient,
) => OutputLoss

export class EngineAdapter implements AdapterEngine {
  readonly #parts: EngineParts
  readonly #parameters = new Map<string, tfc.Tensor>()
  readonly #pass: Pass
  /** Names of the parameters that no gradient moves. */
  readonly #nonTrainable: ReadonlySet<string>

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#pass = openPass(parts)
    this.#nonTrainable = new Set(statisticsOf(parts).map(({ name }) => name))
  }

  load(parameters: Tensors): void {
    const { tf } = this.#parts
    for (const [name, { shape, data }] of parameters) {
      this.#parameters.get(name)?.dispose()
      this.#parameters.set(name, tf.keep(tf.tensor(data, [...shape], 'float32')))
    }
  }

  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[] {
    return this.#with(parameters, (all) => this.logits(rows, all))
  }

  divergences(rows: readonly Latent[], other?: Tensors): readonly number[] {
    const found = rows.map(() => 0)
    const measure = (parameters: TensorsByName) => {
      for (const group of this.#groups(rows))
        this.#parts.tf.tidy(() => {
          const latents = group.map((row) => itemAt(rows, row))
          const values = this.#pass.divergences?.(latents, parameters) ?? []
          for (const [at, value] of values.entries()) found[group[at] ?? 0] = value
        })
    }
    if (other === undefined) measure(this.#parameters)
    else this.#with(other, measure)
    return found
  }

  #with<Result>(parameters: Tensors, work: (all: TensorsByName) => Result): Result {
    const { tf } = this.#parts
    const uploaded = new Map(
      [...parameters].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
    )
    const nonTrainable = [...this.#parameters].filter(([name]) => this.#nonTrainable.has(name))
    const result = work(new Map([...nonTrainable, ...uploaded]))
    for (const tensor of uploaded.values()) tensor.dispose()
    return result
  }

  logits(
    rows: readonly Latent[],
    parameters: TensorsByName = this.#parameters,
  ): readonly Float32Array[] {
    const logits = rows.map((): Float32Array => new Float32Array())
    for (const group of this.#groups(rows)) {
      // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
      this.#parts.tf.tidy(() => {
        const latents = group.map((row) => itemAt(rows, row))
        for (const [at, row] of this.#pass.outputs(latents, parameters).entries())
          logits[group[at] ?? 0] = row
      })
    }
    return logits
  }

  /** The loss of the batch, and its gradient for every parameter: the sums over its groups. */
  gradients(rows: readonly TrainRow[], lossOf: LossOf, seed: string): Gradients {
    const gradients = new Map<string, Float32Array>()
    const logits = rows.map((): Float32Array => new Float32Array())
    const names = this.#learning()
    let loss = 0
    const groups =
      this.#parts.isJoint === true
        ? [[...rows.keys()]]
        : this.#groups(rows.map(({ latent }) => latent))
    for (const [at, group] of groups.entries()) {
      const chosen = group.map((row) => itemAt(rows, row))
      const dropout = openDropout(seed, at)
      this.#parts.tf.tidy(() => {
        const latents = chosen.map(({ latent }) => latent)
        const found = this.#pass.gradients(
          { latents, parameters: this.#parameters, names, dropout },
          (outputs) => {
            for (const [at, row] of outputs.entries()) logits[group[at] ?? 0] = row
            const { loss: own, gradient } = lossOf(chosen, outputs)
            loss += own
            return gradient
          },
        )
        for (const [at, name] of names.entries())
          gradients.set(name, added(gradients.get(name), itemAt(found, at)))
      })
    }
    return { loss, gradients, logits }
  }

  dispose(): void {
    this.#pass.close()
    for (const tensor of this.#parameters.values()) tensor.dispose()
    this.#parameters.clear()
  }

  #learning(): readonly string[] {
    return [...this.#parameters.keys()].filter((name) => !this.#nonTrainable.has(name))
  }

  #groups(rows: readonly Latent[]): readonly number[][] {
    const groupsOf = this.#pass.groupsOf ?? lengthGroups
    return groupsOf(rows.map(({ positions }) => positions))
  }
}

function openPass(parts: EngineParts): Pass {
  if (parts.task.reads === 'answers') return openAnswerPass(parts, parts.compiling)
  return (parts.compiling && openCompiledPass(parts, parts.compiling)) ?? eagerPass(parts)
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

/**
 * The network forward and backward as two calls of a compiled graph, with the loss between them in plain JavaScript, so that
 * every task and policy learns in the same way on either engine. Equal to the eager pass up to rounding.
 *
 * Whether a plan can be compiled, and whether its rows are packed, depends on the plan alone and is found out when it is opened:
 * the steps of one configuration are all compiled or all eager, so a restart changes no bit (law 2). They are eager as well where no
 * folder can be written, which is a fault of the machine and said aloud.
 *
 * Undefined if the plan uses something that the compiled engine does not have.
 */
function openCompiledPass(parts: PassParts, compiling: Compiling): Pass | undefined {
  const packs = isPacked(parts)
  const network = openCompiledNetwork(parts, compiling, packs)
  const batchOf = packs ? packed : padded
  return (
    network && {
      ...(packs && { groupsOf: packedGroups }),
      outputs: (latents, parameters) =>
        outputsOf(parts, latents, network.answer(batchOf(latents), parameters)),
      gradients: (input, gradientOf) =>
        network.gradients(batchOf(input.latents), input, (outputs) => {
          const gradient = gradientOf(outputsOf(parts, input.latents, outputs))
          const all = withPadding(parts, input.latents, gradient, outputs.size)
          return parts.tf.tensor(all, outputs.shape)
        }),
      close: () => {
        network.close()
      },
    }
  )
}
