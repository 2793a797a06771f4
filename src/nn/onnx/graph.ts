/**
 * A graph under construction: nodes in the order they were recorded, constants told apart by content, and of everything declared
 * only what is used.
 */
import type { Tensor } from '../../contracts/core.ts'
import { model, node, tensor, valueInfo, type Attribute, type ElementType } from './model.ts'
import type { Wire } from './protobuf.ts'

/** A value of the graph. `frozen` ones are the same for every row: weights and constants. */
export interface Value {
  readonly name: string
  readonly frozen: boolean
  /** A matrix [1, 1, in, out] that all rows share and that is no constant. */
  readonly isShared?: true
}

export class OnnxGraph {
  readonly #nodes: Wire[] = []
  readonly #initializers = new Map<string, Wire>()
  readonly #inputs = new Map<string, Wire>()
  readonly #outputs: Wire[] = []
  readonly #used = new Set<string>()

  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.set(name, valueInfo(name, type, shape))
    return { name, frozen: false }
  }

  /** A weight of the base: referred to, not copied, until the model is laid out. */
  weight(name: string, { shape, data }: Tensor): Value {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return this.#constant(`weight/${name}`, 'float32', shape, raw)
  }

  float(value: number): Value {
    const raw = new Uint8Array(Float32Array.of(value).buffer)
    return this.#constant(`float/${value}`, 'float32', [], raw)
  }

  /** A vector of int64, as axes and shapes are given. */
  ints(...values: readonly number[]): Value {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    return this.#constant(`ints/${values.join()}`, 'int64', [values.length], raw)
  }

  op(
    type: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    const name = `value/${this.#nodes.length}`
    this.#add(type, inputs, name, attributes)
    return { name, frozen: inputs.every((input) => input.frozen) }
  }

  output(name: string, value: Value): void {
    this.#add('Identity', [value], name, {})
    this.#outputs.push(valueInfo(name, 'float32'))
  }

  layOut(): Uint8Array<SharedArrayBuffer> {
    return model({
      nodes: this.#nodes,
      initializers: this.#usedOf(this.#initializers),
      inputs: this.#usedOf(this.#inputs),
      outputs: this.#outputs,
    })
  }

  #constant(name: string, type: ElementType, shape: readonly number[], raw: Uint8Array): Value {
    if (!this.#initializers.has(name)) this.#initializers.set(name, tensor(name, type, shape, raw))
    return { name, frozen: true }
  }

  #add(
    type: string,
    inputs: readonly Value[],
    output: string,
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const names = inputs.map(({ name }) => name)
    for (const name of names) this.#used.add(name)
    this.#nodes.push(node(type, names, output, attributes))
  }

  #usedOf(declared: ReadonlyMap<string, Wire>): readonly Wire[] {
    return [...declared].filter(([name]) => this.#used.has(name)).map(([, wire]) => wire)
  }
}
