/**
 * A graph under construction: nodes in recording order, constants deduplicated by content, and only the declared inputs
 * that are used.
 */
import { createHash } from 'node:crypto'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { model, node, tensor, valueInfo, type Attribute, type ElementType } from './model.ts'
import { text, type Wire } from '../protobuf.ts'
import { quantizedMatrix } from './quantized-matrix.ts'

/** A value of the graph. `frozen` ones are the same for every row: weights and constants. */
export interface Value {
  readonly name: string
  readonly frozen: boolean
  /** A matrix [1, 1, in, out] that all rows share and that is not a constant. */
  readonly isShared?: true
  /** No number in it is smaller. */
  readonly least?: number
  /** The base's matrix [in, out] that it is. */
  readonly matrix?: { readonly name: string; readonly tensor: Tensor }
}

export class OnnxGraph {
  readonly #nodes: Wire[] = []
  readonly #initializers = new Map<string, Wire>()
  /** The weight of the base that an initializer is made of. */
  readonly #weights = new Map<string, { readonly name: string; readonly tensor: Tensor }>()
  readonly #inputs = new Map<string, Wire>()
  readonly #outputs: Wire[] = []
  readonly #used = new Set<string>()
  readonly #domains = new Set<string>()

  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.set(name, valueInfo(name, type, shape))
    return { name, frozen: false }
  }

  /** A weight of the base: referenced, not copied, until the model is serialised. */
  weight(name: string, tensor: Tensor): Value {
    const { shape, data } = tensor
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    this.#weights.set(`weight/${name}`, { name, tensor })
    const value = this.#constant(`weight/${name}`, 'float32', shape, raw)
    return shape.length === 2 ? { ...value, matrix: { name, tensor } } : value
  }

  /** The same matrix in 8 bits, [in, out], and the scales of its columns. `isTurned`: the weight is [out, in]. */
  quantizedWeight(
    name: string,
    tensor: Tensor,
    isTurned = false,
  ): { readonly matrix: Value; readonly columns: Value } {
    const [steps, columns] = [`int8/${name}`, `int8/${name}/scales`]
    if (!this.#initializers.has(steps)) {
      const { shape, data, scales } = quantizedMatrix(tensor, isTurned)
      const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      this.#constant(steps, 'int8', shape, raw)
      this.#constant(columns, 'float32', [scales.length], new Uint8Array(scales.buffer))
      for (const made of [steps, columns]) this.#weights.set(made, { name, tensor })
    }
    return {
      matrix: { name: steps, frozen: true },
      columns: { name: columns, frozen: true },
    }
  }

  float(value: number): Value {
    const raw = new Uint8Array(Float32Array.of(value).buffer)
    return this.#constant(`float/${value}`, 'float32', [], raw)
  }

  /** An unsigned byte: a zero point. */
  byte(value: number): Value {
    return this.#constant(`byte/${value}`, 'uint8', [], Uint8Array.of(value))
  }

  /** A vector of int64, the type of axes and shapes. */
  ints(...values: readonly number[]): Value {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    return this.#constant(`ints/${values.join()}`, 'int64', [values.length], raw)
  }

  /** A place along an axis, which the result then lacks. */
  index(at: number): Value {
    const raw = new Uint8Array(BigInt64Array.of(BigInt(at)).buffer)
    return this.#constant(`index/${at}`, 'int64', [], raw)
  }

  /** `domain`: of an operator that ONNX itself lacks. */
  op(
    type: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value {
    const name = `value/${this.#nodes.length}`
    this.#add(type, inputs, [name], attributes, domain)
    return { name, frozen: inputs.every((input) => input.frozen) }
  }

  /** An operator with several outputs: all of them, the first one apart. */
  several(
    further: number,
    type: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
    domain = '',
  ): readonly [Value, ...Value[]] {
    const name = `value/${this.#nodes.length}`
    const names = Array.from({ length: further }, (_, at) => `${name}/${at + 1}`)
    this.#add(type, inputs, [name, ...names], attributes, domain)
    const valueOf = (each: string): Value => ({ name: each, frozen: false })
    return [valueOf(name), ...names.map(valueOf)]
  }

  output(name: string, value: Value): void {
    this.#add('Identity', [value], [name], {})
    this.#outputs.push(valueInfo(name, 'float32'))
  }

  layOut(): Uint8Array<SharedArrayBuffer> {
    return this.#model(this.#initializers)
  }

  /**
   * Graphs with one digest compute the same: nodes, constants, inputs and outputs all count. Weights in `frozen` count
   * by name, which avoids reading the whole base; all others count by their numbers.
   */
  digest(frozen: Tensors): string {
    const named = [...this.#initializers].map(([name, wire]): [string, Wire] => {
      const weight = this.#weights.get(name)
      if (weight === undefined) return [name, wire]
      const isFrozen = frozen.get(weight.name) === weight.tensor
      return [name, text(1, isFrozen ? name : `${name} ${numbersDigest(weight.tensor)}`)]
    })
    return createHash('sha256')
      .update(this.#model(new Map(named)))
      .digest('hex')
  }

  #model(initializers: ReadonlyMap<string, Wire>): Uint8Array<SharedArrayBuffer> {
    return model({
      nodes: this.#nodes,
      initializers: this.#usedOf(initializers),
      inputs: this.#usedOf(this.#inputs),
      outputs: this.#outputs,
      domains: [...this.#domains],
    })
  }

  #constant(name: string, type: ElementType, shape: readonly number[], raw: Uint8Array): Value {
    if (!this.#initializers.has(name)) this.#initializers.set(name, tensor(name, type, shape, raw))
    return { name, frozen: true }
  }

  #add(
    type: string,
    inputs: readonly Value[],
    outputs: readonly [string, ...string[]],
    attributes: Readonly<Record<string, Attribute>>,
    domain = '',
  ): void {
    if (domain !== '') this.#domains.add(domain)
    const names = inputs.map(({ name }) => name)
    for (const name of names) this.#used.add(name)
    this.#nodes.push(node(type, names, outputs, attributes, domain))
  }

  #usedOf(declared: ReadonlyMap<string, Wire>): readonly Wire[] {
    return [...declared].filter(([name]) => this.#used.has(name)).map(([, wire]) => wire)
  }
}

const digests = new WeakMap<Tensor, string>()

function numbersDigest(tensor: Tensor): string {
  const digest = digests.get(tensor) ?? createHash('sha256').update(tensor.data).digest('hex')
  digests.set(tensor, digest)
  return `[${tensor.shape.join()}] ${digest}`
}
