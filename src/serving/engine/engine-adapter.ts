/**
 * A version as the engine runs it: checked, folded, its head widened to whole steps of outputs, and named by the graph that it needs.
 */
import { sampleRow } from '../../nn/rows.ts'
import {
  checkTensors,
  memoryPlanOf,
  methodOf,
  specsOf,
  type AdapterPlan,
  carriedOver,
} from '../../adapters/adapter.ts'
import { configOfRecord } from '../../adapters/recorded-config.ts'
import { isOfMemory } from '../../nn/memory.ts'
import { cutOf } from '../../adapters/target-modules.ts'
import { viewOf } from '../../adapters/view.ts'
import type { MethodPlugin } from '../../contracts/adapter.ts'
import type { Tensor, Json } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { TaskHead } from '../../contracts/task.ts'
import type { Version } from '../../versions/contract.ts'
import type { Feeds } from '../../nn/onnx/session.ts'
import { paramInput, paramShapes } from '../../nn/onnx/ops.ts'
import { recordServing, servingGraph, type ServingParts, type OnnxModel } from '../../nn/record.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import type { OrtPool } from '../../nn/onnx/pool.ts'

/**
 * Which adapters share a graph of the engine: those with equal recorded graphs. A setting that affects only tensors
 * changes no graph; one that changes the graph cannot be forgotten, because there is no hand-kept list.
 */
export interface RecordedGraph {
  /** Adapters of one key differ in their tensors only. */
  readonly key: string
  model(): OnnxModel
}

/** Cached keys of adapter configurations, for each view of a base. */
const REMEMBERED = 256

/** Recording takes many milliseconds, and a model loads many versions of one configuration. */
const known = new WeakMap<Base, WeakMap<TaskHead, Map<string, string>>>()

/** `frozen` is the base that the engine serves; `parts.base` is a method's view of it. */
export function recordedGraph(parts: ServingParts, frozen: Base): RecordedGraph {
  const keys = keysOf(parts)
  const asked = digestOf([parts.config as unknown as Json, memoryOf(parts)])
  const remembered = keys.get(asked)
  if (remembered !== undefined) return { key: remembered, model: () => recordServing(parts) }
  const graph = servingGraph(parts)
  const key = graph.digest(frozen.weights)
  if (keys.size >= REMEMBERED) keys.clear()
  keys.set(asked, key)
  return { key, model: () => graph.layOut() }
}

function memoryOf({ memory }: ServingParts): string {
  if (memory === undefined) return 'none'
  if (memory.mixture === true) return 'mixture'
  return memory.isAtCut === true ? 'examples at the cut' : 'examples'
}

function keysOf({ base, task }: ServingParts): Map<string, string> {
  const ofBase = known.get(base) ?? new WeakMap<TaskHead, Map<string, string>>()
  known.set(base, ofBase)
  const keys = ofBase.get(task) ?? new Map<string, string>()
  ofBase.set(task, keys)
  return keys
}

export interface EngineParts {
  readonly base: Base
  readonly methods: Readonly<Record<string, MethodPlugin>>
  readonly tasks: Readonly<Record<string, TaskHead>>
}

export interface PreparedAdapter<Graph = RecordedGraph> {
  readonly graph: Graph
  /** The graph, and the shape of every tensor: rows of one family share a run. Each big adapter is a family of its own. */
  readonly family: string
  /** It is the only one of its family. */
  readonly alone: boolean
  readonly tensors: Feeds
  /** Of a row, or of each of its positions. */
  readonly outputs: number
  readonly reads: TaskHead['reads']
  /** A row to warm it with. */
  readonly example: EncodedRow
}

/**
 * Heads are widened with zeros to a multiple of this, so that adapters of a few outputs more or less share runs, and so that a row's
 * bits do not depend on which of them are in its run.
 */
const OUTPUT_STEP = 16

export function prepareAdapter(parts: EngineParts, key: string, version: Version): PreparedAdapter {
  return prepareWith(recordedGraph, parts, key, version)
}

/** The same for an engine that records other graphs. */
export function prepareWith<Graph extends RecordedGraph>(
  record: (parts: ServingParts, frozen: Base) => Graph,
  parts: EngineParts,
  key: string,
  version: Version,
): PreparedAdapter<Graph> {
  const plan = planOf(parts, version)
  checkTensors(specsOf(plan), version.parameters)
  const graph = record(recordingOf(plan), parts.base)
  const tensors = tensorsOf(plan, version)
  const alone = methodOf(plan).alone === true
  return {
    graph,
    family: [graph.key, alone ? key : paramShapes(tensors)].join('\n'),
    alone,
    tensors,
    outputs: plan.outputs,
    reads: plan.task.reads,
    example: sampleRow(plan.base, 4),
  }
}

function planOf({ base, methods, tasks }: EngineParts, { manifest }: Version): AdapterPlan {
  const { memory } = manifest
  const config = configOfRecord(manifest.adapter)
  const foreign = (what: string) =>
    failure('VERSION_FOREIGN', `${manifest.model} ${manifest.version} was made for ${what}`)
  const method = Object.hasOwn(methods, config.method) ? methods[config.method] : undefined
  if (!method) throw foreign(`a method that is not known here: ${config.method}`)
  const task = Object.hasOwn(tasks, manifest.task) ? tasks[manifest.task] : undefined
  if (!task) throw foreign(`a task that is not known here: ${manifest.task}`)
  const seen = viewOf(base, method, config, task.reads)
  const isOurs =
    manifest.base.hash === base.hash ||
    carriedOver({ base: seen, method, config }, manifest.base) !== undefined
  if (!isOurs) throw foreign(`another base: ${manifest.base.name}`)
  return {
    base: seen,
    ...{ method, task, config, outputs: task.outputs(task.headIn(manifest.facts)) },
    memory: memory && memoryPlanOf(memory, seen.published ?? base, config),
  }
}

function recordingOf({ base, method, task, config, memory }: AdapterPlan): ServingParts {
  return { base, cut: cutOf(config.tail_layers, base.network.layers), method, config, task, memory }
}

function tensorsOf(plan: AdapterPlan, version: Version): Feeds {
  const { task, base, outputs } = plan
  const opened = methodOf(plan)
  const width = Math.max(1, Math.ceil(outputs / OUTPUT_STEP)) * OUTPUT_STEP
  const ofTask = new Set(task.parameters(base.network.width, outputs).map(({ name }) => name))
  const roomy = (name: string, tensor: Tensor) =>
    ofTask.has(name) || isOfMemory(name) ? task.grow(name, tensor, width) : tensor
  const folded = [...opened.fold(version.parameters, base)]
  return Object.fromEntries(
    folded.map(([name, tensor]) => {
      const { shape, data } = roomy(name, tensor)
      const isShared = opened.alone === true && shape.length === 2
      return [paramInput(name), { shape: isShared ? [1, ...shape] : shape, data }]
    }),
  )
}

/**
 * The adapters that the workers of an engine hold, each as often as it was loaded: every `load` of a key is undone by one `unload`.
 */
export class LoadedAdapters<Graph extends RecordedGraph = RecordedGraph> {
  readonly #pool: OrtPool
  readonly #loaded = new Map<
    string,
    { readonly adapter: PreparedAdapter<Graph>; holders: number }
  >()
  /** How many loads of a key are under way: what one of them has sent to the workers stays there. */
  readonly #loading = new Map<string, number>()

  constructor(pool: OrtPool) {
    this.#pool = pool
  }

  /** `warm`: a first run, which has to succeed. One of a loaded family has run before, with other numbers: all are finite. */
  async load(
    key: string,
    adapter: PreparedAdapter<Graph>,
    warm: () => Promise<void>,
  ): Promise<void> {
    await this.#pool.addSession(adapter.graph.key, () => adapter.graph.model())
    this.#count(key, 1)
    try {
      await this.#pool.hold(key, adapter.tensors, adapter.alone)
      if (!this.#isFamiliar(adapter)) await warm()
      const holders = this.#loaded.get(key)?.holders ?? 0
      this.#loaded.set(key, { adapter, holders: holders + 1 })
    } finally {
      this.#count(key, -1)
      this.#dropUnused(key)
    }
  }

  unload(key: string): void {
    const loaded = this.#held(key)
    loaded.holders -= 1
    if (loaded.holders > 0) return
    this.#loaded.delete(key)
    this.#dropUnused(key)
  }

  find(key: string): PreparedAdapter<Graph> {
    return this.#held(key).adapter
  }

  /** Whether another adapter with this graph and these shapes is loaded. */
  #isFamiliar({ family }: PreparedAdapter<Graph>): boolean {
    for (const { adapter } of this.#loaded.values()) if (adapter.family === family) return true
    return false
  }

  #count(key: string, change: 1 | -1): void {
    const loads = (this.#loading.get(key) ?? 0) + change
    if (loads === 0) this.#loading.delete(key)
    else this.#loading.set(key, loads)
  }

  #dropUnused(key: string): void {
    if (!this.#loaded.has(key) && !this.#loading.has(key)) this.#pool.drop(key)
  }

  #held(key: string) {
    const loaded = this.#loaded.get(key)
    invariant(loaded, `the adapter ${key} is not loaded`)
    return loaded
  }
}
