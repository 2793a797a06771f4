/**
 * A graph under construction: nodes in recording order, constants deduplicated by content, and only the declared inputs
 * that are used.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { BLOCK, BlockTable } from '../block-table.ts'
import { KeptTensor } from '../kept-weights.ts'
import { text, type Wire, bytes, float32, integer, layOut, message, packed } from '../protobuf.ts'
import { quantizedMatrix } from './quantized-matrix.ts'

/** A value of the graph. `frozen` ones are the same for every row: weights and constants. */
export interface Value {
  readonly name: string
  readonly frozen: boolean
  /** A matrix [1, 1, in, out] that all rows share and that is not a constant. */
  readonly isShared?: true
  /** No number in it is smaller. */
  readonly least?: number
  /** Of the blocks of a table that is kept in 4 bits. */
  readonly scales?: Value
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
    if (tensor instanceof BlockTable) return this.#table(name, tensor)
    const own = `weight/${name}`
    const { shape } = tensor
    if (!this.#initializers.has(own)) {
      this.#weights.set(own, { name, tensor })
      this.#initializers.set(own, weightWire(own, tensor))
    }
    const value = { name: own, frozen: true }
    return shape.length === 2 ? { ...value, matrix: { name, tensor } } : value
  }

  /** Only rows of it can be gathered. */
  #table(name: string, tensor: BlockTable): Value {
    const { shape, steps, scales } = tensor
    const [value, own] = [`int4/${name}`, `int4/${name}/scales`]
    for (const made of [value, own]) this.#weights.set(made, { name, tensor })
    const raw = new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength)
    const perRow = [shape[0], shape[1] / BLOCK]
    return {
      ...this.#constant(value, 'int4', shape, steps),
      scales: this.#constant(own, 'float32', perRow, raw),
    }
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
    for (const { tensor } of this.#weights.values())
      if (tensor instanceof KeptTensor) tensor.file.restore()
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

/**
 * The messages of an ONNX model, as far as our graphs need them.
 *
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** Opset 21 is the first that quantises in blocks; version 10 of the file format belongs to it. */
const OPSET = 21
const IR_VERSION = 10

export const elementType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, int4: 22 } as const
export type ElementType = keyof typeof elementType

export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string }

export interface ModelParts {
  readonly nodes: readonly Wire[]
  readonly initializers: readonly Wire[]
  readonly inputs: readonly Wire[]
  readonly outputs: readonly Wire[]
  /** Besides ONNX's own: of operators that only the runtime has. */
  readonly domains: readonly string[]
}

export function model(parts: ModelParts): Uint8Array<SharedArrayBuffer> {
  const graph = message(
    7,
    ...parts.nodes.map((node) => message(1, node)),
    text(2, 'antikythera'),
    ...parts.initializers.map((tensor) => message(5, tensor)),
    ...parts.inputs.map((input) => message(11, input)),
    ...parts.outputs.map((output) => message(12, output)),
  )
  const opsets = [
    ...message(8, text(1, ''), integer(2, OPSET)),
    ...parts.domains.flatMap((domain) => message(8, text(1, domain), integer(2, 1))),
  ]
  return layOut([...integer(1, IR_VERSION), ...text(2, 'antikythera'), ...graph, ...opsets])
}

export function node(
  type: string,
  inputs: readonly string[],
  outputs: readonly [string, ...string[]],
  attributes: Readonly<Record<string, Attribute>>,
  domain = '',
): Wire {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, outputs[0]),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
    ...(domain === '' ? [] : text(7, domain)),
  ]
}

export function tensor(
  name: string,
  type: ElementType,
  shape: readonly number[],
  raw: Uint8Array,
): Wire {
  return [...packed(1, shape), ...integer(2, elementType[type]), ...text(8, name), ...bytes(9, raw)]
}

/** Referred to where it lies: in memory, or in its file, which the session looks for in its folder of weights. */
function weightWire(name: string, weight: Tensor): Wire {
  const { shape } = weight
  if (!(weight instanceof KeptTensor)) {
    const { buffer, byteOffset, byteLength } = weight.data
    return tensor(name, 'float32', shape, new Uint8Array(buffer, byteOffset, byteLength))
  }
  const place = {
    location: basename(weight.file.path),
    offset: String(weight.offset),
    length: String(weight.bytes),
  }
  return [
    ...packed(1, shape),
    ...integer(2, elementType.float32),
    ...text(8, name),
    ...Object.entries(place).flatMap(([key, value]) => message(13, text(1, key), text(2, value))),
    ...integer(14, EXTERNAL),
  ]
}

/** TensorProto.DataLocation */
const EXTERNAL = 1

/** A graph input or output. A dimension given by name is free; without a shape the runtime infers it. */
export function valueInfo(
  name: string,
  type: ElementType,
  shape?: readonly (number | string)[],
): Wire {
  const dimension = (size: number | string) =>
    message(1, typeof size === 'number' ? integer(1, size) : text(2, size))
  const shapeField = shape ? message(2, ...shape.map(dimension)) : []
  return [...text(1, name), ...message(2, message(1, integer(1, elementType[type]), shapeField))]
}

function attribute(name: string, value: Attribute): Wire {
  const [type, encoded] = attributeValue(value)
  return [...text(1, name), ...encoded, ...integer(20, type)]
}

/** AttributeProto.type with the field that carries the value. */
function attributeValue(value: Attribute): readonly [type: number, Wire] {
  if ('float' in value) return [1, float32(2, value.float)]
  if ('int' in value) return [2, integer(3, value.int)]
  if ('text' in value) return [3, text(4, value.text)]
  return [7, value.ints.flatMap((int) => integer(8, int))]
}
