/**
 * The network forward and backward as two calls of a compiled graph, with the loss between them in plain JavaScript, so that
 * every task and policy learns in the same way on either engine. Equal to the eager pass up to rounding.
 *
 * Whether a plan can be compiled depends on the plan alone, and is found out when it is opened: the steps of one configuration
 * are all compiled or all eager, so a restart changes no bit (law 2).
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Latent } from '../contracts/network.ts'
import { openCompiledGraph, type CompiledGraph } from '../nn/compiled/compiled-graph.ts'
import { NotCompilable } from '../nn/compiled/shape.ts'
import { padded } from './batch-input.ts'
import {
  presentOf,
  rowsOf,
  tensorAt,
  type GradientOf,
  type Named,
  type Pass,
  type PassInput,
  type PassParts,
} from './eager-pass.ts'
import { recordStep, type RecordedStep } from './recorded-step.ts'

export interface Compiling {
  /** Reports why a plan stays eager. */
  readonly onEager: (reason: string) => void
}

/** Undefined where the plan uses something that the compiled engine does not have. */
export function openCompiledPass(parts: PassParts, { onEager }: Compiling): Pass | undefined {
  try {
    const step = recordStep(parts)
    return new CompiledPass(parts, step, openCompiledGraph(parts.tf, step.model))
  } catch (error) {
    if (!(error instanceof NotCompilable)) throw error
    onEager(error.message)
    return undefined
  }
}

class CompiledPass implements Pass {
  readonly #parts: PassParts
  readonly #step: RecordedStep
  readonly #graph: CompiledGraph

  constructor(parts: PassParts, step: RecordedStep, graph: CompiledGraph) {
    this.#parts = parts
    this.#step = step
    this.#graph = graph
  }

  outputs(latents: readonly Latent[], parameters: Named): readonly Float32Array[] {
    const { inputs, outputs } = this.#step.answer
    const feeds = pick(this.#inputs(latents, parameters), inputs)
    return rowsOf(tensorAt(this.#graph.run(feeds, [outputs]), 0))
  }

  gradients(input: PassInput, gradientOf: GradientOf): readonly Float32Array[] {
    const { forward, backward } = this.#step
    const all = this.#inputs(input.latents, input.parameters)
    this.#drawDropouts(input, all)
    const kept = [...backward.kept.values()]
    const results = this.#graph.run(pick(all, forward.inputs), [
      forward.outputs,
      ...backward.kept.keys(),
    ])
    const outputs = tensorAt(results, 0)
    const gradient = gradientOf(rowsOf(outputs))
    all.set(backward.gradient, this.#parts.tf.tensor(gradient, outputs.shape))
    for (const [at, name] of kept.entries()) all.set(name, tensorAt(results, at + 1))
    const feeds = pick(all, [...backward.given, ...kept])
    const found = this.#graph.run(feeds, backward.results)
    const places = new Map(backward.learned.map((name, at) => [name, at]))
    return input.names.map((name) => {
      const at = places.get(name)
      if (at === undefined) return new Float32Array(presentOf(input.parameters, name).size)
      return tensorAt(found, at).dataSync<'float32'>()
    })
  }

  close(): void {
    this.#graph.close()
  }

  /** Every input that the graph may read, by node; tensors of the batch belong to the caller's tidy. */
  #inputs(latents: readonly Latent[], parameters: Named): Map<string, tfc.Tensor> {
    const { tf, baseTensors } = this.#parts
    const step = this.#step
    const { hidden, mask } = padded(latents)
    const all = new Map<string, tfc.Tensor>()
    all.set(step.hidden, tf.tensor(hidden.data, [...hidden.shape]))
    all.set(step.mask, tf.tensor(mask.data, [...mask.shape]))
    for (const [name, node] of step.weights) all.set(node, presentOf(baseTensors, name))
    for (const [name, node] of step.parameters) all.set(node, presentOf(parameters, name))
    return all
  }

  #drawDropouts({ latents, dropout }: PassInput, all: Map<string, tfc.Tensor>): void {
    const { tf } = this.#parts
    const positions = Math.max(...latents.map((latent) => latent.positions))
    const sizes = new Map([
      ['rows', latents.length],
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

function pick(all: ReadonlyMap<string, tfc.Tensor>, names: readonly string[]) {
  return new Map(names.map((name) => [name, presentOf(all, name)]))
}
