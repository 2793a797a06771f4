/**
 * The training step of one plan as a graph: tail, pooling and head forward, and the gradients of all that learns. Recorded once;
 * rows, positions and outputs are free in it, so it serves every batch and every size of the head.
 *
 * For a task of texts the outputs are hidden states, behind each token that predicts one of an answer.
 */
import { headInput } from '../nn/head-input.ts'
import { unadapted } from '../nn/unadapted.ts'
import { type AdapterPlan, methodOf, sitesOf, specsOf, statisticsOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import { TensorFlowGraph, type GraphValue } from '../nn/compiled/graph.ts'
import { kernelsOf } from '../nn/compiled/kernels.ts'
import { graphOps, type DropoutInput } from '../nn/compiled/ops.ts'
import type { Shape } from '../nn/compiled/shape.ts'
import { invariant } from '../platform/errors.ts'
import { savedModel } from '../nn/compiled/graph-def.ts'
import { inputsOf, splitGraph, type SplitGraph } from '../nn/compiled/split.ts'

/** Names of nodes. */
export interface RecordedStep {
  readonly model: Uint8Array
  readonly hidden: string
  readonly mask: string
  /** The places, among rows × positions: of those states for a task of texts, of each position where rows are packed. */
  readonly places?: string | undefined
  readonly weights: ReadonlyMap<string, string>
  readonly parameters: ReadonlyMap<string, string>
  /** The network as it answers. */
  readonly answer: RecordedPart
  /** For a task of texts: the network without an adapter. */
  readonly base?: RecordedPart | undefined
  readonly forward: RecordedPart & {
    readonly dropouts: readonly DropoutInput[]
  }
  readonly backward: Pick<SplitGraph, 'given' | 'kept'> & {
    /** ∂L/∂outputs, in their shape. */
    readonly gradient: string
    /** Parameters that a gradient arrives at, in the order of the results. */
    readonly learned: readonly string[]
    readonly results: readonly string[]
  }
}

export interface RecordedPart {
  readonly inputs: readonly string[]
  readonly outputs: string
}

/**
 * `isPacked`: it takes the positions of all rows end to end. Throws NotCompilable where the network uses something that the
 * compiled engine does not have.
 */
export function recordStep(plan: AdapterPlan, isPacked = false): RecordedStep {
  const graph = new TensorFlowGraph()
  const inputs = openInputs(plan, graph, isPacked)
  const part = ({ outputs }: { readonly outputs: GraphValue }): RecordedPart => {
    return { inputs: inputsOf(graph, [outputs.name]), outputs: outputs.name }
  }
  const answer = part(forward(plan, graph, inputs))
  const base =
    plan.task.reads === 'answers' ? part(forward(plan, graph, inputs, { isBase: true })) : undefined
  const dropouts: DropoutInput[] = []
  const taught = forward(plan, graph, inputs, { dropouts })
  const from = graph.length
  const gradient = graph.input('gradient of the outputs', taught.outputs.shape, { moves: false })
  const kernels = kernelsOf(graph)
  taught.tape.backward(taught.logits, kernels.reshape(gradient, taught.logits.shape))
  const gradients = new Map<string, string>()
  for (const [name, value] of inputs.parameters) {
    const found = value.moves ? taught.tape.gradientOf(value) : undefined
    if (found !== undefined) gradients.set(name, found.name)
  }
  const { nodes, results, ...handed } = splitGraph(graph, from, [...gradients.values()])
  const learned = [...gradients.keys()]
  const names = (values: ReadonlyMap<string, GraphValue>) =>
    new Map([...values].map(([name, value]) => [name, value.name]))
  return {
    model: savedModel(nodes),
    hidden: inputs.hidden.name,
    mask: inputs.mask.name,
    places: inputs.places?.name,
    weights: names(inputs.weights),
    parameters: names(inputs.parameters),
    ...{ answer, base },
    forward: {
      inputs: inputsOf(graph, [taught.outputs.name, ...handed.kept.keys()]),
      outputs: taught.outputs.name,
      dropouts,
    },
    backward: { ...handed, gradient: gradient.name, learned, results },
  }
}

interface StepInputs {
  readonly hidden: GraphValue
  readonly mask: GraphValue
  readonly places?: GraphValue | undefined
  readonly isPacked: boolean
  readonly weights: Map<string, GraphValue>
  readonly parameters: ReadonlyMap<string, GraphValue>
  readonly weight: (name: string) => GraphValue
}

function openInputs(plan: AdapterPlan, graph: TensorFlowGraph, isPacked: boolean): StepInputs {
  const { base } = plan
  const width = base.network.latentWidth(cutOf(plan.config.tail_layers, base.network.layers))
  const counted = new Set(statisticsOf(plan).map(({ name }) => name))
  const weights = new Map<string, GraphValue>()
  const fixed = { moves: false }
  return {
    isPacked,
    hidden: graph.input(
      'hidden',
      isPacked ? [1, 'tokens', width] : ['rows', 'positions', width],
      fixed,
    ),
    mask: graph.input('mask', ['rows', 'positions'], fixed),
    places:
      isPacked || plan.task.reads === 'answers'
        ? graph.input('places', ['tokens'], { moves: false, type: 'int32' })
        : undefined,
    weights,
    parameters: new Map(
      [...freeShapes(plan)].map(([name, shape]) => [
        name,
        graph.input(name, shape, { moves: !counted.has(name) }),
      ]),
    ),
    weight(name) {
      const shape = base.weights.get(name)?.shape
      invariant(shape !== undefined, `the network asks for the weight ${name}, which is not there`)
      const value = weights.get(name) ?? graph.input(name, shape, fixed)
      weights.set(name, value)
      return value
    },
  }
}

/** Shapes of the parameters; the size that a head of more outputs has larger is `outputs`. */
function freeShapes(plan: AdapterPlan): ReadonlyMap<string, Shape> {
  const [one, two] = [1, 2].map((outputs) => specsOf({ ...plan, outputs }))
  const larger = new Map((two ?? []).map(({ name, shape }) => [name, shape]))
  return new Map(
    (one ?? []).map(({ name, shape }) => [
      name,
      shape.map((size, axis) => (larger.get(name)?.[axis] === size ? size : 'outputs')),
    ]),
  )
}

interface ForwardKind {
  readonly dropouts?: DropoutInput[]
  readonly isBase?: boolean
}

function forward(
  plan: AdapterPlan,
  graph: TensorFlowGraph,
  { hidden, mask, places, isPacked, parameters, weight }: StepInputs,
  { dropouts, isBase }: ForwardKind = {},
) {
  const { base, task } = plan
  const param = (name: string): GraphValue => {
    const value = parameters.get(name)
    invariant(value !== undefined, `the network asks for the parameter ${name}, which is not there`)
    return value
  }
  const { ops, tape, behind } = graphOps({
    ...{ graph, weight, param, ...(dropouts && { dropouts }) },
    packedAt: isPacked ? places : undefined,
  })
  const adaptation =
    isBase === true ? unadapted<GraphValue>() : methodOf(plan).adaptation(ops, sitesOf(plan), false)
  const cut = cutOf(plan.config.tail_layers, base.network.layers)
  if (places !== undefined && !isPacked) {
    const states = behind(base.network.tail(ops, hidden, mask, cut, adaptation), places)
    return { tape, logits: states, outputs: states }
  }
  const embedding = headInput(ops, base.network, task.reads, { hidden, mask, cut, adaptation })
  const logits = task.logits(ops, embedding, base.network.unit)
  return { tape, logits, outputs: kernelsOf(graph).flat(logits) }
}
