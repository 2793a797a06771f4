/**
 * The attention of a decode graph: ONNX Runtime's operator that turns queries and keys by their positions, writes new keys
 * and values behind the earlier ones, and attends. The earlier ones are inputs and outputs of the graph; when both are the
 * same memory, nothing is copied.
 */
import type { CachedAttention } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'
import type { OnnxGraph, Value } from '../onnx/graph.ts'
import { elementType } from '../onnx/model.ts'

/** What is kept of each row: for each layer its keys, and its values, [keyHeads, positions, headSize]. */
export interface CacheShape {
  readonly layers: number
  readonly keyHeads: number
  readonly headSize: number
}

/** Int32 [b]: the last position of each row, from 0. */
export const LAST_POSITIONS = 'last_positions'
/** Int32 [b, s]: the positions of the new tokens. Only read where heads are of an odd size. */
export const PLACES = 'places'
/** Int32 []: the most positions of a row, the new ones among them. */
export const MOST_POSITIONS = 'most_positions'

export type CachePart = 'key' | 'value'

/** The graph's input; the output has `new/` before it. */
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
  #layers = 0

  constructor(graph: OnnxGraph) {
    this.#graph = graph
  }

  get shape(): CacheShape {
    invariant(this.#shape, 'a decoder without attention')
    return { ...this.#shape, layers: this.#layers }
  }

  record(parts: CachedAttention<Value>): Value {
    const { query, key, value, heads, keyHeads, headSize } = parts
    const layer = this.#layers
    this.#layers += 1
    this.#shape ??= { layers: 0, keyHeads, headSize }
    const { keyHeads: known, headSize: size } = this.#shape
    invariant(known === keyHeads && size === headSize, 'layers with different heads')
    const graph = this.#graph
    const cache = (part: CachePart) =>
      graph.input(cacheName(layer, part), 'float32', ['batch', keyHeads, 'capacity', headSize])
    const tables = [this.#half(parts.cos, headSize), this.#half(parts.sin, headSize)] as const
    // The operator turns heads of multiples of 16 itself.
    const turns = headSize % 16 === 0
    const turned = (x: Value, count: number) => (turns ? x : this.#turned(x, count, tables))
    return graph.opWith(
      [newCacheName(layer, 'key'), newCacheName(layer, 'value')],
      'GroupQueryAttention',
      [
        ...[turned(query, heads), turned(key, keyHeads), value, cache('key'), cache('value')],
        graph.input(LAST_POSITIONS, 'int32', ['batch']),
        graph.input(MOST_POSITIONS, 'int32', []),
        ...(turns ? tables : []),
      ],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: keyHeads },
        do_rotary: { int: turns ? 1 : 0 },
        scale: { float: 1 / Math.sqrt(headSize) },
      },
      'com.microsoft',
    )
  }

  #turned(x: Value, heads: number, tables: readonly [cos: Value, sin: Value]): Value {
    const graph = this.#graph
    const places = graph.input(PLACES, 'int32', ['batch', 'positions'])
    const long = graph.op('Cast', [places], { to: { int: elementType.int64 } })
    return graph.op(
      'RotaryEmbedding',
      [x, long, ...tables],
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
