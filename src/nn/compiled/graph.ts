/**
 * A TensorFlow graph under construction: nodes in recording order, each computed at most once, with shapes whose sizes may be
 * named. A named size is read from an input while the graph runs, so one graph serves every batch.
 */
import { invariant } from '../../platform/errors.ts'
import type { Attributes, DataType } from './graph-def.ts'

/** The first output of a node. */
export interface GraphValue {
  readonly name: string
  readonly shape: Shape
  readonly type: DataType
  /** A trained parameter has a part in it, so gradients go through it. */
  readonly moves: boolean
}

/** `given`: fed by the caller. `repeated`: computed again by the backward part, which is cheaper than to hand it over. */
type NodeKind = 'given' | 'repeated' | 'computed'

interface GraphNode {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly attributes: Attributes
  readonly kind: NodeKind
}

export interface NodeParts {
  readonly shape: Shape
  readonly type?: DataType
  readonly kind?: NodeKind
}

export class TensorFlowGraph {
  readonly #nodes = new Map<string, GraphNode>()
  /** Values by what they compute, so that equal ones are computed once. */
  readonly #same = new Map<string, GraphValue>()
  readonly #sizes = new Map<string, { readonly of: GraphValue; readonly axis: number }>()

  /** Nodes recorded so far: what comes later has a greater number. */
  get length(): number {
    return this.#nodes.size
  }

  input(
    name: string,
    shape: Shape,
    { moves, type = 'float32' }: { readonly moves: boolean; readonly type?: 'float32' | 'int32' },
  ): GraphValue {
    const value: GraphValue = { name: `in_${this.#nodes.size}`, shape, type, moves }
    const sizes = shape.map((size) => (typeof size === 'number' ? size : -1))
    const attributes: Attributes = { dtype: { type }, shape: { shape: sizes } }
    invariant(!this.#nodes.has(value.name), `input ${name} is new`)
    this.#add({ name: value.name, op: 'Placeholder', inputs: [], attributes, kind: 'given' })
    for (const [axis, size] of shape.entries())
      if (typeof size === 'string' && !this.#sizes.has(size))
        this.#sizes.set(size, { of: value, axis })
    return value
  }

  /** Equal constants are one node. */
  constant(type: 'float32' | 'int32', values: readonly number[], shape: readonly number[]) {
    const array = type === 'float32' ? Float32Array.from(values) : Int32Array.from(values)
    const value = { type, shape, raw: new Uint8Array(array.buffer) }
    const attributes: Attributes = { dtype: { type }, value: { value } }
    const key = `${type} [${shape.join()}] ${array.join()}`
    return this.#once(key, 'Const', [], attributes, { shape, type, kind: 'repeated' })
  }

  float(value: number): GraphValue {
    return this.constant('float32', [value], [])
  }

  ints(...values: readonly number[]): GraphValue {
    return this.constant('int32', values, [values.length])
  }

  /** A shape as a vector of the graph. Where `isForReshape`, one named size may be left for TensorFlow to find. */
  sizes(shape: Shape, isForReshape = false): GraphValue {
    const named = shape.filter((size) => typeof size === 'string').length
    if (named === 0 || (isForReshape && named === 1))
      return this.ints(...shape.map((size) => (typeof size === 'number' ? size : -1)))
    const parts = shape.map((size) =>
      typeof size === 'number' ? this.ints(size) : this.#size(size),
    )
    if (parts.length === 1 && parts[0] !== undefined) return parts[0]
    const attributes: Attributes = { N: { int: parts.length }, T: { type: 'int32' } }
    const axis = this.constant('int32', [0], [])
    return this.op('ConcatV2', [...parts, axis], attributes, {
      ...{ shape: [shape.length], type: 'int32', kind: 'repeated' },
    })
  }

  /** The product of sizes, as a vector of one number. */
  count(shape: Shape): GraphValue {
    const attributes: Attributes = { T: { type: 'int32' } }
    const parts = { shape: [1], type: 'int32', kind: 'repeated' } as const
    return shape
      .map((size) => this.sizes([size]))
      .reduce((one, other) => this.op('Mul', [one, other], attributes, parts))
  }

  /** The same operation on the same values is one node. */
  op(
    op: string,
    inputs: readonly GraphValue[],
    attributes: Attributes,
    parts: NodeParts,
  ): GraphValue {
    const key = `${op}(${inputs.map(({ name }) => name).join()}) ${JSON.stringify(attributes)}`
    return this.#once(key, op, inputs, attributes, parts)
  }

  node(name: string): GraphNode {
    const node = this.#nodes.get(name)
    invariant(node !== undefined, `the graph has no node ${name}`)
    return node
  }

  /** The number of the node in recording order. */
  at(name: string): number {
    return Number(name.slice(name.indexOf('_') + 1))
  }

  get nodes(): readonly GraphNode[] {
    return [...this.#nodes.values()]
  }

  /** As a vector of one number. */
  #size(name: string): GraphValue {
    const size = this.#sizes.get(name)
    invariant(size !== undefined, `no input has a size called ${name}`)
    const shape = this.op(
      'Shape',
      [size.of],
      { T: { type: size.of.type } },
      {
        ...{ shape: [size.of.shape.length], type: 'int32', kind: 'repeated' },
      },
    )
    const attributes: Attributes = { T: { type: 'int32' }, Index: { type: 'int32' } }
    return this.op('Slice', [shape, this.ints(size.axis), this.ints(1)], attributes, {
      ...{ shape: [1], type: 'int32', kind: 'repeated' },
    })
  }

  #once(
    key: string,
    op: string,
    inputs: readonly GraphValue[],
    attributes: Attributes,
    { shape, type = 'float32', kind = 'computed' }: NodeParts,
  ): GraphValue {
    const known = this.#same.get(key)
    if (known !== undefined) return known
    const name = `n_${this.#nodes.size}`
    const moves = inputs.some((input) => input.moves)
    const value = { name, shape, type, moves }
    this.#add({ name, op, inputs: inputs.map((input) => input.name), attributes, kind })
    this.#same.set(key, value)
    return value
  }

  #add(node: GraphNode): void {
    this.#nodes.set(node.name, node)
  }
}

/**
 * The two parts of a training step: forward, and backward once the caller has turned the outputs into their gradient. What the
 * backward part needs of the forward part is handed over as tensors, which copies nothing.
 *
 * The backward part reads placeholders of its own. To feed a node in the middle of a graph is allowed, but TensorFlow's optimizer
 * goes past such a node where it can fold it into the next, and then asks for inputs that are not fed.
 */
export interface SplitGraph {
  readonly nodes: readonly GraphNode[]
  /** Inputs of the graph that the backward part reads again. */
  readonly given: readonly string[]
  /** Result of the forward part → the placeholder of the backward part that takes it. */
  readonly kept: ReadonlyMap<string, string>
  /** The results, in order. */
  readonly results: readonly string[]
}

/** `from`: where the backward part begins in the graph; `wanted`: its results. */
export function splitGraph(
  graph: TensorFlowGraph,
  from: number,
  wanted: readonly string[],
): SplitGraph {
  const given = new Set<string>()
  const kept = new Map<string, string>()
  const backward = new Map<string, GraphNode>()
  /** The name under which the backward part has it. */
  const read = (name: string): string => {
    const node = graph.node(name)
    const isOwn = graph.at(name) >= from
    if (node.kind === 'given') given.add(name)
    if (node.kind === 'given' || node.op === 'Const') return name
    if (node.kind === 'computed' && !isOwn) {
      kept.set(name, `kept_${name}`)
      return `kept_${name}`
    }
    const own = isOwn ? name : `again_${name}`
    if (!backward.has(own)) backward.set(own, { ...node, name: own, inputs: node.inputs.map(read) })
    return own
  }
  const results = wanted.map(read)
  const forward = graph.nodes.filter(
    ({ name, kind, op }) => graph.at(name) < from || kind === 'given' || op === 'Const',
  )
  const placeholders = [...kept.values()].map(placeholder)
  return {
    nodes: [...forward, ...placeholders, ...backward.values()],
    given: [...given],
    kept,
    results,
  }
}

/** Inputs that these results are computed from. */
export function inputsOf(graph: TensorFlowGraph, wanted: readonly string[]): readonly string[] {
  return splitGraph(graph, 0, wanted).given
}

function placeholder(name: string): GraphNode {
  const attributes = { dtype: { type: 'float32' } } as const
  return { name, op: 'Placeholder', inputs: [], attributes, kind: 'given' }
}

/**
 * Shapes of a graph that is recorded once for all sizes: a size is a number, or the name of one that each run brings, such as
 * the rows of its batch.
 */
export type Size = number | string
export type Shape = readonly Size[]

/** Thrown by an operation that the compiled engine does not have; the message says which, and why. */
export class NotCompilable extends Error {}

/** The shape of an elementwise result. A named size meets itself or 1. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const [one, other] = [sizeAt(a, axis - rank), sizeAt(b, axis - rank)]
    if (one === other || other === 1) return one
    if (one === 1) return other
    throw new NotCompilable(`shapes [${a.join()}] and [${b.join()}] do not go together`)
  })
}

/** The axes of `from` along which a gradient is summed to become one of `to`. */
export function summedAxes(from: Shape, to: Shape): readonly number[] {
  const more = from.length - to.length
  return [...from.keys()].filter(
    (axis) => axis < more || (to[axis - more] === 1 && from[axis] !== 1),
  )
}

export function isSame(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

export function lastOf(shape: Shape): Size {
  return sizeAt(shape, -1)
}

/** A size that must be known while the graph is recorded. */
export function fixedSize(size: Size, what: string): number {
  if (typeof size === 'number') return size
  throw new NotCompilable(`${what} has a size that differs between runs`)
}

/** Counted from the end; 1 in front of the first. */
function sizeAt(shape: Shape, axis: number): Size {
  return shape.at(axis) ?? 1
}
