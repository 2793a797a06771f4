/**
 * Causal attention in one operator of ONNX Runtime: it turns queries and keys by their positions, shares heads of keys and
 * values among queries, and computes no score that the mask would hide. Positions behind a row's last one are computed as if
 * they were real, which no earlier one sees. The graph of a trunk also reads the keys and values of what a text begins with.
 */
import type { CausalAttention } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { type OnnxGraph, type Value, elementType } from './graph.ts'
import type { Feeds } from './session.ts'

export function causalAttention(
  graph: OnnxGraph,
  beginning?: BeginningRecorder,
): (parts: CausalAttention<Value>) => Value {
  return ({ query, key, value, heads, keyHeads, headSize, scale, window, ...angles }) => {
    const tables = [halfTable(graph, angles.cos, headSize), halfTable(graph, angles.sin, headSize)]
    // The operator turns heads of multiples of 16 itself.
    const turns = headSize % 16 === 0
    const turned = (x: Value, count: number, from: Value) =>
      turns
        ? x
        : graph.op(
            'RotaryEmbedding',
            [x, from, ...tables],
            { num_heads: { int: count }, rotary_embedding_dim: { int: 0 } },
            'com.microsoft',
          )
    const rows = graph.op('Shape', [query], { start: { int: 0 }, end: { int: 1 } })
    const own = graph.op('Shape', [query], { start: { int: 1 }, end: { int: 2 } })
    const attend = (earlier: readonly [Value, Value], from: Value, positions: Value) => {
      const last = graph.op('Expand', [graph.op('Sub', [positions, graph.ints(1)]), rows])
      return graph.several(
        beginning === undefined ? 0 : 2,
        'GroupQueryAttention',
        [
          ...[turned(query, heads, from), turned(key, keyHeads, from), value, ...earlier],
          ...[toInt(graph, last), toInt(graph, positions)],
          ...(turns ? tables : beginning ? [NOTHING, NOTHING] : []),
          ...(beginning ? [NOTHING, NOTHING, noSink(graph, heads)] : []),
        ],
        {
          num_heads: { int: heads },
          kv_num_heads: { int: keyHeads },
          do_rotary: { int: turns ? 1 : 0 },
          ...scoring({ scale, window }),
        },
        'com.microsoft',
      )
    }
    if (beginning === undefined) return attend([NOTHING, NOTHING], graph.ints(0), own)[0]
    return beginning.record({ keyHeads, headSize }, (earlier, from) =>
      attend(earlier, from, graph.op('Add', [from, own])),
    )
  }
}

/** How the operator scores the positions that a query attends to. */
export function scoring({ scale, window }: Pick<CausalAttention<Value>, 'scale' | 'window'>) {
  return {
    scale: { float: scale },
    ...(window !== undefined && { local_window_size: { int: window } }),
  }
}

/**
 * A sink for each head whose score is so low that it takes no weight. With one, the operator does not choose its tiled kernel, as it
 * does otherwise where keys and values are outputs: in that one the bits of a position depend on how many there are beside it.
 */
function noSink(graph: OnnxGraph, heads: number): Value {
  return graph.op('Expand', [graph.float(-1e30), graph.ints(heads)])
}

/** An input that is left out: no keys and values of earlier positions. */
const NOTHING: Value = { name: '', frozen: true }

/** The operator reads each angle once; the runtime computes this while it opens. */
function halfTable(graph: OnnxGraph, table: Value, headSize: number): Value {
  return graph.op('Slice', [table, graph.ints(0), graph.ints(headSize / 2), graph.ints(-1)])
}

export function toInt(graph: OnnxGraph, value: Value): Value {
  return graph.op('Cast', [value], { to: { int: elementType.int32 } })
}

/** Keys and values of earlier positions: for each layer its keys and its values, [keyHeads, positions, headSize]. */
export interface CacheShape {
  readonly layers: number
  readonly keyHeads: number
  readonly headSize: number
}

export type CachePart = 'key' | 'value'

const parts = ['key', 'value'] as const satisfies readonly CachePart[]

/** The graph's input, [b, keyHeads, positions, headSize]; the output of all positions has PRESENT before it. */
const nameOf = (layer: number, part: CachePart) => `beginning/${layer}/${part}`
export const PRESENT = 'present/'

/** Records them for each layer, in the order in which the network asks. */
export class BeginningRecorder {
  readonly #graph: OnnxGraph
  #shape: CacheShape | undefined

  constructor(graph: OnnxGraph) {
    this.#graph = graph
  }

  /** Undefined if the trunk has no attention. */
  get shape(): CacheShape | undefined {
    return this.#shape
  }

  /** `attend` makes the operator, whose further outputs are the keys and values of all positions. */
  record(
    { keyHeads, headSize }: Pick<CausalAttention<Value>, 'keyHeads' | 'headSize'>,
    attend: (earlier: readonly [Value, Value], positions: Value) => readonly [Value, ...Value[]],
  ): Value {
    const graph = this.#graph
    const layer = this.#shape?.layers ?? 0
    this.#shape = { layers: layer + 1, keyHeads, headSize }
    const sizes = ['batch', keyHeads, 'beginning', headSize]
    const input = (part: CachePart) => graph.input(nameOf(layer, part), 'float32', sizes)
    const [key, value] = [input('key'), input('value')]
    const positions = graph.op('Shape', [key], { start: { int: 2 }, end: { int: 3 } })
    const [attended, ...present] = attend([key, value], positions)
    for (const [at, part] of parts.entries()) {
      const all = present[at]
      invariant(all, 'attention hands out keys and values')
      graph.output(`${PRESENT}${nameOf(layer, part)}`, all)
    }
    return attended
  }
}

/** What texts that are read whole are given. */
export function noBeginning({ layers, keyHeads, headSize }: CacheShape, rows: number): Feeds {
  const empty = { shape: [rows, keyHeads, 0, headSize], data: new Float32Array(0) }
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) =>
      parts.map((part) => [nameOf(layer, part), empty] as const),
    ).flat(),
  )
}
