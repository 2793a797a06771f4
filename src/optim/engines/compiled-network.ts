/**
 * The recorded network of one plan, opened in TensorFlow: forward, and backward once the caller has turned its outputs into
 * their gradient. Builds its feeds; the passes above it interpret the outputs.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { CodedError, type Tensor } from '../../contracts/core.ts'
import { openCompiledGraph, type CompiledGraph } from '../../nn/compiled/compiled-graph.ts'
import { headOutputs, unadapted } from '../../nn/head-input.ts'
import {
  type AdapterPlan,
  methodOf,
  sitesOf,
  specsOf,
  statisticsOf,
} from '../../adapters/adapter.ts'
import { cutOf } from '../../adapters/target-modules.ts'
import {
  TensorFlowGraph,
  type GraphValue,
  NotCompilable,
  type Shape,
  inputsOf,
  splitGraph,
  type SplitGraph,
} from '../../nn/compiled/graph.ts'
import { kernelsOf } from '../../nn/compiled/kernels.ts'
import { graphOps, type DropoutInput } from '../../nn/compiled/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { savedModel } from '../../nn/compiled/graph-def.ts'
import {
  presentOf,
  tensorAt,
  type TensorsByName,
  type PassInput,
  type PassParts,
} from './eager-pass.ts'

export interface Compiling {
  /** Reports why a plan stays eager. */
  readonly onEager: (reason: string) => void
}

/** Rows as `padded` or `packed` has them. */
interface NetworkBatch {
  readonly hidden: Tensor
  readonly mask: Tensor
  /** Places among rows × positions: for a task of texts those that predict a token of an answer, of packed rows all real ones. */
  readonly places?: Int32Array
}

/** Undefined if the plan uses something that the compiled engine does not have. */
export function openCompiledNetwork(
  parts: PassParts,
  { onEager }: Compiling,
  isPacked = false,
): CompiledNetwork | undefined {
  try {
    const step = recordStep(parts, isPacked)
    return new CompiledNetwork(parts, step, openCompiledGraph(parts.tf, step.model))
  } catch (error) {
    if (!(error instanceof NotCompilable) && !isUnavailable(error)) throw error
    onEager(error.message)
    return undefined
  }
}

/** The plan may be compiled, but not here. */
function isUnavailable(error: unknown): error is CodedError {
  return error instanceof CodedError && error.code === 'ENGINE_UNAVAILABLE'
}

/** Every tensor that it returns belongs to the caller's tidy. */
export class CompiledNetwork {
  readonly #parts: PassParts
  readonly #step: RecordedStep
  readonly #graph: CompiledGraph

  constructor(parts: PassParts, step: RecordedStep, graph: CompiledGraph) {
    this.#parts = parts
    this.#step = step
    this.#graph = graph
  }

  /** Its outputs; without parameters those of the base, which a task of texts compares itself with. */
  answer(batch: NetworkBatch, parameters?: TensorsByName): tfc.Tensor {
    const part = parameters === undefined ? presentPart(this.#step.base) : this.#step.answer
    const all = this.#inputs(batch, parameters ?? new Map())
    return tensorAt(this.#graph.run(pick(all, part.inputs), [part.outputs]), 0)
  }

  /** `gradientOf` answers ∂L/∂z of the outputs z, in their shape. Answers ∂L of each of the names. */
  gradients(
    batch: NetworkBatch,
    { parameters, names, dropout }: PassInput,
    gradientOf: (outputs: tfc.Tensor) => tfc.Tensor,
  ): readonly Float32Array[] {
    const { forward, backward } = this.#step
    const all = this.#inputs(batch, parameters)
    this.#drawDropouts(batch, dropout, all)
    const kept = [...backward.kept.values()]
    const results = this.#graph.run(pick(all, forward.inputs), [
      forward.outputs,
      ...backward.kept.keys(),
    ])
    all.set(backward.gradient, gradientOf(tensorAt(results, 0)))
    for (const [at, name] of kept.entries()) all.set(name, tensorAt(results, at + 1))
    const found = this.#graph.run(pick(all, [...backward.given, ...kept]), backward.results)
    const places = new Map(backward.learned.map((name, at) => [name, at]))
    return names.map((name) => {
      const at = places.get(name)
      if (at === undefined) return new Float32Array(presentOf(parameters, name).size)
      return tensorAt(found, at).dataSync<'float32'>()
    })
  }

  close(): void {
    this.#graph.close()
  }

  /** Every input that the graph may read, by node. */
  #inputs(batch: NetworkBatch, parameters: TensorsByName): Map<string, tfc.Tensor> {
    const { tf, baseTensors } = this.#parts
    const step = this.#step
    const { hidden, mask, places } = batch
    const all = new Map<string, tfc.Tensor>()
    all.set(step.hidden, tf.tensor(hidden.data, [...hidden.shape]))
    all.set(step.mask, tf.tensor(mask.data, [...mask.shape]))
    if (step.places !== undefined && places !== undefined)
      all.set(step.places, tf.tensor(places, [places.length], 'int32'))
    for (const [name, node] of step.weights) all.set(node, presentOf(baseTensors, name))
    for (const [name, tensor] of parameters) {
      const node = step.parameters.get(name)
      if (node !== undefined) all.set(node, tensor)
    }
    return all
  }

  #drawDropouts(
    { mask }: NetworkBatch,
    dropout: PassInput['dropout'],
    all: Map<string, tfc.Tensor>,
  ): void {
    const { tf } = this.#parts
    const [rows = 0, positions = 0] = mask.shape
    const sizes = new Map([
      ['rows', rows],
      ['positions', positions],
    ])
    for (const { input, rate, place } of this.#step.forward.dropouts) {
      const shape = input.shape.map((size) =>
        typeof size === 'number' ? size : (sizes.get(size) ?? 1),
      )
      const length = shape.reduce((product, size) => product * size, 1)
      all.set(input.name, tf.tensor(dropout(length, rate, place), shape))
    }
  }
}

function presentPart(part: RecordedPart | undefined): RecordedPart {
  if (part === undefined) throw new NotCompilable('its base is not recorded')
  return part
}

function pick(all: ReadonlyMap<string, tfc.Tensor>, names: readonly string[]) {
  return new Map(names.map((name) => [name, presentOf(all, name)]))
}

/**
 * The training step of one plan as a graph: tail, pooling and head forward, and the gradients of all that learns. Recorded once;
 * rows, positions and outputs are free in it, so it serves every batch and every size of the head.
 *
 * For a task of texts the outputs are hidden states, behind each token that predicts one of an answer.
 * All names are those of nodes.
 */
interface RecordedStep {
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

interface RecordedPart {
  readonly inputs: readonly string[]
  readonly outputs: string
}

/**
 * `isPacked`: it takes the positions of all rows end to end. Throws NotCompilable where the network uses something that the
 * compiled engine does not have.
 */
function recordStep(plan: AdapterPlan, isPacked = false): RecordedStep {
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
  const logits = headOutputs(ops, base.network, task, { hidden, mask, cut, adaptation })
  return { tape, logits, outputs: kernelsOf(graph).flat(logits) }
}
