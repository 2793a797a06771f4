/**
 * The graph that continues texts: new tokens of each row → logits of the token after the last one. Trunk and tail are one
 * graph here, and the keys and values of earlier positions are its inputs.
 */
import type { Ops } from '../../../contracts/ops.ts'
import { failure, invariant } from '../../../platform/errors.ts'
import { OnnxGraph, type Value } from '../graph.ts'
import { onnxOps } from '../ops.ts'
import type { ServingParts } from '../../record.ts'
import { AttentionRecorder, type CacheShape } from './cached-attention.ts'
import { recordLogits } from './next-logits.ts'

export interface DecodingGraph {
  readonly graph: OnnxGraph
  readonly cache: CacheShape
}

const endless =
  'the adapter edits the last positions of a text, which has no last one while it is written'

/** Inputs `ids` [b, s], and those of cached-attention.ts; outputs those of next-logits.ts, and new keys and values. */
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
  const last = graph.op('Gather', [positions, graph.index(-1)], { axis: { int: 1 } })
  recordLogits(graph, last, ops.weight(vocabulary.weight), {
    size: vocabulary.size,
    inEightBits: quantize !== undefined,
  })
  return { graph, cache: attention.shape }
}
