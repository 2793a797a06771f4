/**
 * The attention of a decode graph: ONNX Runtime's operators that turn queries and keys by their positions, and attend to the
 * earlier keys and values, which are inputs, and to the new ones, which are outputs.
 *
 * The attention can also write the new ones behind the earlier ones in place, but those would then be outputs as well, and
 * onnxruntime-node copies every output as a whole: with room for 1,024 positions that takes as long as a third of a step.
 */
import type { CausalAttention } from '../../../contracts/ops.ts'
import { invariant } from '../../../platform/errors.ts'
import { type OnnxGraph, type Value, elementType } from '../graph.ts'
import { scoring, type CachePart, type CacheShape } from '../causal-attention.ts'

/** Int32 [b]: the last position of each row, from 0. */
export const LAST_POSITIONS = 'last_positions'
/** Int32 [b, s]: the positions of the new tokens. */
export const PLACES = 'places'
/** Int32 []: the most positions of a row, the new ones among them. */
export const MOST_POSITIONS = 'most_positions'

/** The graph's input, [b, keyHeads, capacity, headSize]; the output of the new ones, [b, s, keyHeads · headSize], has `new/` before it. */
export function cacheName(layer: number, part: CachePart): string {
  return `cache/${layer}/${part}`
}

export function newCacheName(layer: number, part: CachePart): string {
  return `new/${cacheName(layer, part)}`
}

/** Numbers the layers in the order in which the network asks. */
export class AttentionRecorder {
  readonly #graph: OnnxGraph
  readonly #halves = new Map<string, Value>()
  #shape: CacheShape | undefined
  #places: Value | undefined
  #layers = 0

  constructor(graph: OnnxGraph) {
    this.#graph = graph
  }

  get shape(): CacheShape {
    invariant(this.#shape, 'a decoder without attention')
    return { ...this.#shape, layers: this.#layers }
  }

  record(parts: CausalAttention<Value>): Value {
    const { query, key, value, heads, keyHeads, headSize } = parts
    const layer = this.#layers
    this.#layers += 1
    this.#shape ??= { layers: 0, keyHeads, headSize }
    const { keyHeads: known, headSize: size } = this.#shape
    invariant(known === keyHeads && size === headSize, 'layers with different heads')
    const graph = this.#graph
    const kept = (part: CachePart) =>
      graph.input(cacheName(layer, part), 'float32', ['batch', keyHeads, 'capacity', headSize])
    const tables = [this.#half(parts.cos, headSize), this.#half(parts.sin, headSize)] as const
    const turnedKey = this.#turned(key, keyHeads, tables)
    graph.output(newCacheName(layer, 'key'), turnedKey)
    graph.output(newCacheName(layer, 'value'), value)
    const [attended] = graph.several(
      2,
      'GroupQueryAttention',
      [
        ...[this.#turned(query, heads, tables), turnedKey, value, kept('key'), kept('value')],
        graph.input(LAST_POSITIONS, 'int32', ['batch']),
        graph.input(MOST_POSITIONS, 'int32', []),
      ],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: keyHeads },
        ...scoring(parts),
      },
      'com.microsoft',
    )
    return attended
  }

  #turned(x: Value, heads: number, tables: readonly [cos: Value, sin: Value]): Value {
    const graph = this.#graph
    this.#places ??= graph.op('Cast', [graph.input(PLACES, 'int32', ['batch', 'positions'])], {
      to: { int: elementType.int64 },
    })
    return graph.op(
      'RotaryEmbedding',
      [x, this.#places, ...tables],
      { num_heads: { int: heads }, rotary_embedding_dim: { int: 0 } },
      'com.microsoft',
    )
  }

  /** The operator reads each angle once. */
  #half(table: Value, headSize: number): Value {
    const graph = this.#graph
    const ints = [0, headSize / 2, -1].map((number) => graph.ints(number))
    const half = this.#halves.get(table.name) ?? graph.op('Slice', [table, ...ints])
    this.#halves.set(table.name, half)
    return half
  }
}

/**
 * Sizes of a key-value cache. Apart from the cache: the scheduler counts with them, in a process that may have no runtime.
 */

/** Positions are read with the room behind them, so there is little of it. */
const POSITIONS = 64

/** Rows that are allocated for so many: powers of two, so that growing copies seldom. */
export function rowsFor(sequences: number): number {
  return sequences === 0 ? 0 : 2 ** Math.ceil(Math.log2(sequences))
}

export function capacityFor(positions: number): number {
  return Math.ceil(positions / POSITIONS) * POSITIONS
}
