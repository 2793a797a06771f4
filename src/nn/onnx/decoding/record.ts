/**
 * The graph that continues texts: new tokens of each row → logits of the token after each position that is asked for. Trunk and
 * tail are one graph here, and the keys and values of earlier positions are its inputs.
 */
import type { Ops } from '../../../contracts/ops.ts'
import { failure, invariant } from '../../../platform/errors.ts'
import { OnnxGraph, type Value, elementType } from '../graph.ts'
import { onnxOps } from '../ops.ts'
import type { ServingParts } from '../../record.ts'
import type { Feeds } from '../session.ts'
import { quantizedProducts } from '../quantize.ts'
import type { CacheShape } from '../causal-attention.ts'
import { AttentionRecorder } from './cached-attention.ts'

/** Which of the new positions have logits, of each row the same. */
export const ASKED = 'asked'

interface DecodingGraph {
  readonly graph: OnnxGraph
  readonly cache: CacheShape
}

const endless =
  'the adapter edits the last positions of a text, which has no last one while it is written'

/** Inputs `ids` [b, s], `asked` [k], and those of cached-attention.ts; outputs logits [b·k, size], and new keys and values. */
export function decodingGraph({ base, cut, method: plugin, config }: ServingParts): DecodingGraph {
  const { network, weights, quantize } = base
  const { vocabulary } = network
  invariant(vocabulary, `the base ${base.name} has no vocabulary to answer with`)
  const method = plugin.open(config)
  const sites = network.sites(cut)
  const graph = new OnnxGraph()
  const attention = new AttentionRecorder(graph)
  const { alone } = method
  const paramRanks = new Map(
    method.parameters(sites).map(({ name, shape }) => [name, shape.length]),
  )
  const opsOf = (quantized: typeof quantize): Ops<Value> => ({
    ...onnxOps({ graph, weights, paramRanks, alone, quantize: quantized }),
    cachedAttention: (parts) => attention.record(parts),
    ends: () => {
      throw failure('ADAPTER_INVALID', endless, { fix: 'leave out adapter.positions' })
    },
  })
  const ops = opsOf(undefined)
  const ids = graph.input('ids', 'int32', ['batch', 'positions'])
  const mask = graph.input('mask', 'float32', ['batch', 'positions'])
  const hidden = network.trunk(quantize ? opsOf(quantize) : ops, { ids, mask }, cut)
  const positions = network.tail(ops, hidden, mask, cut, method.adaptation(ops, sites, true))
  const asked = graph.input(ASKED, 'int32', ['asked'])
  const found = graph.op('Gather', [positions, asked], { axis: { int: 1 } })
  recordLogits(
    graph,
    graph.op('Flatten', [found], { axis: { int: 2 } }),
    ops.weight(vocabulary.weight),
    {
      size: vocabulary.size,
      inEightBits: quantize !== undefined,
    },
  )
  return { graph, cache: attention.shape }
}

/**
 * Logits of the next token. The vocabulary is the largest matrix of a small model: in 8 bits it takes a quarter of the memory that
 * each step reads. Gradients go through it in the trainer, in float32, and both must agree (law 10): so the product in 8 bits
 * only finds the likeliest tokens, and theirs are computed again in float32. The others count in the sum of the softmax alone,
 * where their errors cancel.
 */
const [LOGITS, LIKELIEST, EXACT] = ['logits', 'likeliest', 'likeliest_logits'] as const
/** Tokens whose logits are exact. */
const MOST_EXACT = 128

/** `last` [b, width]; `words` the frozen matrix [size, width]. Writes the outputs that `readLogits` reads. */
export function recordLogits(
  graph: OnnxGraph,
  last: Value,
  words: Value,
  { size, inEightBits }: { readonly size: number; readonly inEightBits: boolean },
): void {
  const { matrix } = words
  if (!inEightBits || matrix === undefined || size <= MOST_EXACT) {
    graph.output(LOGITS, graph.op('Gemm', [last, words], { transB: { int: 1 } }))
    return
  }
  const turned = { ...words, matrix: { ...matrix, isTurned: true } }
  const rough = quantizedProducts(graph)(last, turned)
  const [, found] = graph.several(1, 'TopK', [rough, graph.ints(MOST_EXACT)], {
    axis: { int: -1 },
  })
  invariant(found, 'places beside values')
  const rows = graph.op('Gather', [words, found], { axis: { int: 0 } })
  const column = graph.op('Unsqueeze', [last, graph.ints(-1)])
  const exact = graph.op('Squeeze', [graph.op('MatMul', [rows, column]), graph.ints(-1)])
  graph.output(LOGITS, rough)
  graph.output(LIKELIEST, graph.op('Cast', [found], { to: { int: elementType.float32 } }))
  graph.output(EXACT, exact)
}

/** Logits [b, size] of a run; the rest of its outputs. */
export function readLogits(outputs: Feeds): {
  readonly logits: Float32Array
  readonly rest: Feeds
} {
  const { [LOGITS]: all, [LIKELIEST]: likeliest, [EXACT]: exact, ...rest } = outputs
  invariant(all?.data instanceof Float32Array, 'a step without logits')
  const [rows = 0, size = 0] = all.shape
  const logits = all.data
  const count = likeliest === undefined ? 0 : likeliest.data.length / rows
  for (let row = 0; row < rows; row += 1)
    for (let at = row * count; at < (row + 1) * count; at += 1)
      logits[row * size + (likeliest?.data[at] ?? 0)] = exact?.data[at] ?? NaN
  return { logits, rest }
}
