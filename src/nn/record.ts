/**
 * Records the graphs that the daemon runs: the trunk alone, for the latents that the trainer learns from, and the whole way from input to
 * logits, as the server answers. Batch, length, number of adapters, ranks and number of labels are all free in them.
 */
import { headOutputs, reachedSites } from './head-input.ts'
import { memoryEmbedding, memorySpecs, withMemory, type MemoryPlan } from './memory.ts'
import { comparedInput, mixtureSpecs, withMixture } from './mixture.ts'
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Base } from '../contracts/base.ts'
import type { NetworkInput } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import type { TaskHead } from '../contracts/task.ts'
import { BeginningRecorder, type CacheShape } from './onnx/causal-attention.ts'
import { OnnxGraph, type Value } from './onnx/graph.ts'
import { onnxOps } from './onnx/ops.ts'

/** An ONNX model, in memory that worker threads share. */
export type OnnxModel = Uint8Array<SharedArrayBuffer>

export interface RecordedTrunk {
  readonly model: OnnxModel
  /** Of the keys and values that rows may begin with; absent = it has no causal attention. */
  readonly beginning?: CacheShape | undefined
}

export const HIDDEN = 'hidden'

/** Output `hidden` [batch, positions, width]. */
export function recordTrunk(base: Base, cut: number): RecordedTrunk {
  const { weights, quantize, network } = base
  const graph = new OnnxGraph()
  const beginning = new BeginningRecorder(graph)
  const ops = onnxOps({ graph, weights, paramRanks: new Map(), quantize, beginning })
  graph.output(HIDDEN, network.trunk(ops, networkInput(base, graph), cut))
  return { model: graph.layOut(), beginning: beginning.shape }
}

export interface ServingParts {
  readonly base: Base
  readonly cut: number
  readonly method: MethodPlugin
  readonly config: AdapterConfig
  readonly task: TaskHead
  /** Present if stored examples answer along with the head. */
  readonly memory?: MemoryPlan | undefined
}

/** Output `logits` [batch, 1, labels]. */
export function recordServing(parts: ServingParts): OnnxModel {
  return servingGraph(parts).layOut()
}

/** The same before it is laid out. */
export function servingGraph(parts: ServingParts): OnnxGraph {
  const { base, cut, task, memory } = parts
  const method = parts.method.open(parts.config)
  const { network } = base
  const sites = reachedSites(network, cut, task.reads)
  const parameters = [
    ...method.parameters(sites),
    ...(base.statistics?.parameters ?? []),
    ...(task.statistics?.parameters ?? []),
    ...task.parameters(network.width, 1),
    ...(memory === undefined
      ? []
      : (memory.mixture === true ? mixtureSpecs : memorySpecs)(memory, 1)),
  ]
  return buildGraph({
    weights: base.weights,
    paramRanks: new Map(parameters.map(({ name, shape }) => [name, shape.length])),
    alone: method.alone,
    quantize: base.quantize,
    build(ops, graph, trunkOps) {
      const input = networkInput(base, graph)
      const hidden = network.trunk(trunkOps, input, cut)
      const adaptation = method.adaptation(ops, sites, true)
      const logits = headOutputs(ops, network, task, { hidden, mask: input.mask, cut, adaptation })
      if (memory === undefined) return { logits }
      if (memory.mixture === true) {
        const x = comparedInput(ops, { base: memory.base, cut }, hidden, input.mask)
        return { logits: withMixture(ops, memory.base, { logits, x, hidden }) }
      }
      const own = memoryEmbedding(ops, { base: memory.base, cut }, hidden, input.mask)
      return { logits: withMemory(ops, logits, own) }
    },
  })
}

/** Any code that is written against Ops, and the outputs that it names. */
export function recordGraph(parts: GraphParts): OnnxModel {
  return buildGraph(parts).layOut()
}

interface GraphParts {
  readonly weights: Tensors
  readonly paramRanks?: ReadonlyMap<string, number>
  readonly alone?: boolean | undefined
  readonly quantize?: Base['quantize']
  /** `trunkOps` compute the base's matrices in 8 bits where it says so. */
  build(ops: Ops<Value>, graph: OnnxGraph, trunkOps: Ops<Value>): Readonly<Record<string, Value>>
}

function buildGraph(parts: GraphParts): OnnxGraph {
  const graph = new OnnxGraph()
  const { weights, alone, quantize, paramRanks = new Map<string, number>() } = parts
  const ops = onnxOps({ graph, weights, paramRanks, alone })
  const trunkOps = quantize && onnxOps({ graph, weights, paramRanks, alone, quantize })
  const outputs = parts.build(ops, graph, trunkOps ?? ops)
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value)
  return graph
}

function networkInput(base: Base, graph: OnnxGraph): NetworkInput<Value> {
  const mask = graph.input('mask', 'float32', ['batch', 'positions'])
  if (base.rows === 'ids') {
    const ids = graph.input('ids', 'int32', ['batch', 'positions'])
    return { mask, ids, ...pairInput(base, graph) }
  }
  return { mask, values: graph.input('values', 'float32', ['batch', 'positions', 'width']) }
}

function pairInput({ pairs }: Base, graph: OnnxGraph): Partial<NetworkInput<Value>> {
  const input = (name: string, type: 'int32' | 'float32', positions = 'positions') =>
    graph.input(name, type, ['batch', positions])
  if (pairs === undefined) return {}
  if (pairs === 'together') return { types: input('types', 'int32') }
  const ids = input('second_ids', 'int32', 'second_positions')
  return { second: { ids, mask: input('second_mask', 'float32', 'second_positions') } }
}
