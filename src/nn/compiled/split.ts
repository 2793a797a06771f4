/**
 * The two parts of a training step: forward, and backward once the caller has turned the outputs into their gradient. What the
 * backward part needs of the forward part is handed over as tensors, which copies nothing.
 *
 * The backward part reads placeholders of its own. To feed a node in the middle of a graph is allowed, but TensorFlow's optimizer
 * goes past such a node where it can fold it into the next, and then asks for inputs that are not fed.
 */
import type { GraphNode, TensorFlowGraph } from './graph.ts'

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
