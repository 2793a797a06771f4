/**
 * Causal attention in one operator of ONNX Runtime: it turns queries and keys by their positions, shares heads of keys and
 * values among queries, and computes no score that the mask would hide. Positions behind a row's last one are computed as if
 * they were real, which no earlier one sees.
 */
import type { CausalAttention } from '../../contracts/ops.ts'
import type { OnnxGraph, Value } from './graph.ts'
import { elementType } from './model.ts'

export function causalAttention(graph: OnnxGraph): (parts: CausalAttention<Value>) => Value {
  const toInt = (value: Value) => graph.op('Cast', [value], { to: { int: elementType.int32 } })
  return ({ query, key, value, heads, keyHeads, headSize, ...angles }) => {
    const tables = [halfTable(graph, angles.cos, headSize), halfTable(graph, angles.sin, headSize)]
    // The operator turns heads of multiples of 16 itself.
    const turns = headSize % 16 === 0
    const turned = (x: Value, count: number) =>
      turns
        ? x
        : graph.op(
            'RotaryEmbedding',
            [x, graph.ints(0), ...tables],
            { num_heads: { int: count }, rotary_embedding_dim: { int: 0 } },
            'com.microsoft',
          )
    const rows = graph.op('Shape', [query], { start: { int: 0 }, end: { int: 1 } })
    const positions = graph.op('Shape', [query], { start: { int: 1 }, end: { int: 2 } })
    const last = graph.op('Expand', [graph.op('Sub', [positions, graph.ints(1)]), rows])
    return graph.op(
      'GroupQueryAttention',
      [
        ...[turned(query, heads), turned(key, keyHeads), value, NOTHING, NOTHING],
        ...[toInt(last), toInt(positions), ...(turns ? tables : [])],
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
}

/** An input that is left out: no keys and values of earlier positions. */
const NOTHING: Value = { name: '', frozen: true }

/** The operator reads each angle once; the runtime computes this while it opens. */
function halfTable(graph: OnnxGraph, table: Value, headSize: number): Value {
  return graph.op('Slice', [table, graph.ints(0), graph.ints(headSize / 2), graph.ints(-1)])
}
