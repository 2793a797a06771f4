/**
 * Sorts the tensors of a PEFT folder: the adapter's, under the names and in the shapes that this model's method would
 * write, and the rest, which is for the head. A refusal uses the tensor's name in the file.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { methodOf, sitesOf, type AdapterPlan } from '../adapter.ts'
import { toFloat32 } from '../../nn/containers/floats.ts'
import { type SafetensorsFile, readSafetensors } from '../../nn/containers/safetensors.ts'
import { PREFIX } from './peft.ts'
import { refuse, type FoundFields, type PeftFields } from './targets.ts'
import { describeSites } from './suggestion.ts'
import { checkFields, checkType } from './fields.ts'
import { takeClassifier } from './head.ts'

const known = ['F32', 'F16', 'BF16']

interface SortedTensors {
  /** As the method's parameters in memory. */
  readonly parameters: Tensors
  /** Under their names in the file. */
  readonly rest: Tensors
  /** Modules that this base does not read, with an adapter that adds nothing there. */
  readonly idle: readonly string[]
}

export function floatTensors({ tensors }: SafetensorsFile): Tensors {
  const floats = [...tensors].map(([name, stored]): [string, Tensor] => {
    if (!known.includes(stored.dtype)) throw refuse(name, stored.dtype, known.join(', '))
    const tensor = toFloat32(stored, name)
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) throw refuse(name, String(tensor.data[bad]), 'finite numbers', { element: bad })
    return [name, tensor]
  })
  return new Map(floats)
}

/** The prefix of the base's own module paths: '' for the bare network, `bert.` inside a class for a task. */
function prefixOf(tensors: Tensors, plan: AdapterPlan): string {
  const sites = plan.base.network.sites(0)
  const found = [...tensors.keys()].flatMap((name) =>
    prefixIn(
      name,
      sites.map((site) => site.name),
    ),
  )
  const [prefix, ...others] = new Set(found)
  if (others.length > 0) throw refuse('prefix', [prefix ?? '', ...others], 'one network per folder')
  const isOfPeft = [...tensors.keys()].some((name) => name.startsWith(PREFIX))
  if (prefix !== undefined || !isOfPeft) return prefix ?? ''
  const first = [...tensors.keys()].sort()[0] ?? ''
  throw refuse(first, [...(tensors.get(first)?.shape ?? [])], architecture(plan))
}

function sortTensors(tensors: Tensors, prefix: string, plan: AdapterPlan): SortedTensors {
  const expected = onDisk(plan)
  const adapter = new Map<string, Tensor>()
  const rest = new Map(tensors)
  for (const [name, { shape }] of expected) {
    const inFile = name.replace(PREFIX, PREFIX + prefix)
    const tensor = tensors.get(inFile)
    if (tensor === undefined) throw refuse(inFile, undefined, `[${shape.join()}]`)
    if (tensor.shape.join() !== shape.join())
      throw refuse(inFile, [...tensor.shape], `[${shape.join()}]`)
    adapter.set(name, tensor)
    rest.delete(inFile)
  }
  const idle = takeIdle(rest)
  return { parameters: methodOf(plan).fromDisk(adapter, sitesOf(plan)), rest, idle }
}

/** The remaining tensors belong to no part of this model. */
function refuseRest(rest: Tensors, plan: AdapterPlan): void {
  for (const [name, { shape }] of rest) throw refuse(name, [...shape], architecture(plan))
}

function onDisk(plan: AdapterPlan): Tensors {
  const sites = sitesOf(plan)
  const zeros = methodOf(plan)
    .parameters(sites)
    .map(({ name, shape }) => {
      const length = shape.reduce((product, size) => product * size, 1)
      return [name, { shape, data: new Float32Array(length) }] as const
    })
  return methodOf(plan).toDisk(new Map(zeros), sites)
}

function architecture({ base, config }: AdapterPlan): string {
  const sites = base.network.sites(0).filter(({ kind }) => kind === 'linear')
  const where = describeSites(sites)
  return `tensors of ${config.method} (tail_layers: ${config.tail_layers}) at modules of the base: ${where}`
}

function prefixIn(name: string, sites: readonly string[]): readonly string[] {
  if (!name.startsWith(PREFIX)) return []
  const path = name.slice(PREFIX.length)
  for (const site of sites) {
    const at = path.indexOf(`${site}.`)
    if (at === 0 || (at > 0 && path[at - 1] === '.')) return [path.slice(0, at)]
  }
  return []
}

/** `all-linear` also adapts modules that no answer reads, such as a pooler: B is then still zero, and so is A·B. */
function takeIdle(rest: Map<string, Tensor>): readonly string[] {
  const idle: string[] = []
  for (const [name, { data }] of [...rest]) {
    const module = /^(.*)\.lora_B\.weight$/.exec(name)?.[1]
    if (module === undefined || data.some((value) => value !== 0)) continue
    rest.delete(name)
    rest.delete(`${module}.lora_A.weight`)
    rest.delete(`${module}.lora_magnitude_vector`)
    idle.push(module.replace(PREFIX, ''))
  }
  return idle
}

/**
 * Reads a folder written by Hugging Face PEFT as an adapter of one model: `adapter_config.json` and
 * `adapter_model.safetensors`. It must be exactly this model's adapter; otherwise it is refused (`IMPORT_REFUSED`) with
 * the field, its value and the allowed values. Nothing is dropped, padded or scaled to make it fit. The method knows
 * its own on-disk layout (`toDisk`, `fromDisk`, `peftConfig`).
 */
export interface PeftAdapter {
  readonly found: FoundFields
  /** The method's own tensors. */
  readonly parameters: Tensors
  /** As stored in the file; `headOf` converts it to a head. */
  readonly classifier: Tensors | undefined
  /** Modules left out because their adapter adds nothing. */
  readonly idle: readonly string[]
}

/** The labels of the plan do not matter. */
export function readPeft(
  fields: PeftFields,
  safetensors: Uint8Array,
  plan: AdapterPlan,
): PeftAdapter {
  checkType(fields, plan)
  const tensors = floatTensors(readSafetensors(safetensors))
  const found = { fields, prefix: prefixOf(tensors, plan) }
  checkFields(found, plan)
  const { parameters, rest, idle } = sortTensors(tensors, found.prefix, plan)
  const left = new Map(rest)
  const classifier = takeClassifier(left, found)
  refuseRest(left, plan)
  return { found, parameters, classifier, idle }
}
