/**
 * Which adapters share a graph of the engine: those with equal recorded graphs. A setting that affects only tensors
 * changes no graph; one that changes the graph cannot be forgotten, because there is no hand-kept list.
 */
import type { Json } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { recordServing, servingGraph, type OnnxModel, type ServingParts } from '../../nn/record.ts'
import { digestOf } from '../../platform/canonical-json.ts'

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
  return memory.mixture === true ? 'mixture' : 'examples'
}

function keysOf({ base, task }: ServingParts): Map<string, string> {
  const ofBase = known.get(base) ?? new WeakMap<TaskHead, Map<string, string>>()
  known.set(base, ofBase)
  const keys = ofBase.get(task) ?? new Map<string, string>()
  ofBase.set(task, keys)
  return keys
}
