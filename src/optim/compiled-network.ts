/**
 * The recorded network of one plan, opened in TensorFlow: forward, and backward once the caller has turned its outputs into
 * their gradient. Builds its feeds; the passes above it interpret the outputs.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { CodedError, type Tensor } from '../contracts/core.ts'
import { openCompiledGraph, type CompiledGraph } from '../nn/compiled/compiled-graph.ts'
import { NotCompilable } from '../nn/compiled/shape.ts'
import {
  presentOf,
  tensorAt,
  type TensorsByName,
  type PassInput,
  type PassParts,
} from './eager-pass.ts'
import { recordStep, type RecordedPart, type RecordedStep } from './recorded-step.ts'

export interface Compiling {
  /** Reports why a plan stays eager. */
  readonly onEager: (reason: string) => void
}

/** Rows as `padded` or `packed` has them. */
export interface NetworkBatch {
  readonly hidden: Tensor
  readonly mask: Tensor
  /** Places among rows × positions: for a task of texts those that predict a token of an answer, of packed rows all real ones. */
  readonly places?: Int32Array
}

/** Undefined if the plan uses something that the compiled engine does not have. */
export function openCompiledNetwork(
  parts: PassParts,
  { onEager }: Compiling,
  isPacked = false,
): CompiledNetwork | undefined {
  try {
    const step = recordStep(parts, isPacked)
    return new CompiledNetwork(parts, step, openCompiledGraph(parts.tf, step.model))
  } catch (error) {
    if (!(error instanceof NotCompilable) && !isUnavailable(error)) throw error
    onEager(error.message)
    return undefined
  }
}

/** The plan may be compiled, but not here. */
function isUnavailable(error: unknown): error is CodedError {
  return error instanceof CodedError && error.code === 'ENGINE_UNAVAILABLE'
}

/** Every tensor that it returns belongs to the caller's tidy. */
export class CompiledNetwork {
  readonly #parts: PassParts
  readonly #step: RecordedStep
  readonly #graph: CompiledGraph

  constructor(parts: PassParts, step: RecordedStep, graph: CompiledGraph) {
    this.#parts = parts
    this.#step = step
    this.#graph = graph
  }

  /** Its outputs; without parameters those of the base, which a task of texts compares itself with. */
  answer(batch: NetworkBatch, parameters?: TensorsByName): tfc.Tensor {
    const part = parameters === undefined ? presentPart(this.#step.base) : this.#step.answer
    const all = this.#inputs(batch, parameters ?? new Map())
    return tensorAt(this.#graph.run(pick(all, part.inputs), [part.outputs]), 0)
  }

  /** `gradientOf` answers ∂L/∂z of the outputs z, in their shape. Answers ∂L of each of the names. */
  gradients(
    batch: NetworkBatch,
    { parameters, names, dropout }: PassInput,
    gradientOf: (outputs: tfc.Tensor) => tfc.Tensor,
  ): readonly Float32Array[] {
    const { forward, backward } = this.#step
    const all = this.#inputs(batch, parameters)
    this.#drawDropouts(batch, dropout, all)
    const kept = [...backward.kept.values()]
    const results = this.#graph.run(pick(all, forward.inputs), [
      forward.outputs,
      ...backward.kept.keys(),
    ])
    all.set(backward.gradient, gradientOf(tensorAt(results, 0)))
    for (const [at, name] of kept.entries()) all.set(name, tensorAt(results, at + 1))
    const found = this.#graph.run(pick(all, [...backward.given, ...kept]), backward.results)
    const places = new Map(backward.learned.map((name, at) => [name, at]))
    return names.map((name) => {
      const at = places.get(name)
      if (at === undefined) return new Float32Array(presentOf(parameters, name).size)
      return tensorAt(found, at).dataSync<'float32'>()
    })
  }

  close(): void {
    this.#graph.close()
  }

  /** Every input that the graph may read, by node. */
  #inputs(batch: NetworkBatch, parameters: TensorsByName): Map<string, tfc.Tensor> {
    const { tf, baseTensors } = this.#parts
    const step = this.#step
    const { hidden, mask, places } = batch
    const all = new Map<string, tfc.Tensor>()
    all.set(step.hidden, tf.tensor(hidden.data, [...hidden.shape]))
    all.set(step.mask, tf.tensor(mask.data, [...mask.shape]))
    if (step.places !== undefined && places !== undefined)
      all.set(step.places, tf.tensor(places, [places.length], 'int32'))
    for (const [name, node] of step.weights) all.set(node, presentOf(baseTensors, name))
    for (const [name, tensor] of parameters) {
      const node = step.parameters.get(name)
      if (node !== undefined) all.set(node, tensor)
    }
    return all
  }

  #drawDropouts(
    { mask }: NetworkBatch,
    dropout: PassInput['dropout'],
    all: Map<string, tfc.Tensor>,
  ): void {
    const { tf } = this.#parts
    const [rows = 0, positions = 0] = mask.shape
    const sizes = new Map([
      ['rows', rows],
      ['positions', positions],
    ])
    for (const { input, rate, place } of this.#step.forward.dropouts) {
      const shape = input.shape.map((size) =>
        typeof size === 'number' ? size : (sizes.get(size) ?? 1),
      )
      const length = shape.reduce((product, size) => product * size, 1)
      all.set(input.name, tf.tensor(dropout(length, rate, place), shape))
    }
  }
}

function presentPart(part: RecordedPart | undefined): RecordedPart {
  if (part === undefined) throw new NotCompilable('its base is not recorded')
  return part
}

function pick(all: ReadonlyMap<string, tfc.Tensor>, names: readonly string[]) {
  return new Map(names.map((name) => [name, presentOf(all, name)]))
}
