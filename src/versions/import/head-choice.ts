/**
 * The head of an imported adapter: its own, if the folder has one; otherwise the live version's, because someone who
 * continues to train an export wants its labels back; otherwise a fresh one. A language model has none.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskFacts } from '../../contracts/example.ts'
import type { Version } from '../contract.ts'
import { specsOf, statisticsOf, type AdapterPlan } from '../../adapters/adapter.ts'
import { headOf } from '../../adapters/peft/head.ts'
import { refuse } from '../../adapters/peft/targets.ts'
import { floatTensors, type PeftAdapter } from '../../adapters/peft/tensors.ts'
import { readSafetensors } from '../../nn/containers/safetensors.ts'
import type { PeftFiles } from './files.ts'

export type HeadKind = 'folder' | 'live' | 'fresh'

export interface ChosenHead {
  readonly labels: readonly string[]
  /** The head, and the base's statistics. */
  readonly tensors: Tensors
  /** How its scores become answers, such as a temperature or thresholds: they belong to a head. */
  readonly facts?: TaskFacts
  readonly told: string
  /** The version that the head comes from. */
  readonly parent: Version | undefined
}

export interface HeadQuestion {
  readonly wanted: HeadKind | undefined
  readonly ours: PeftFiles['ours']
  readonly adapter: PeftAdapter
  readonly live: Version | undefined
  /** The plan with a column for each of `labels`. */
  readonly plan: AdapterPlan
  /** The labels of the config. */
  readonly labels: readonly string[]
}

export function chooseHead(question: HeadQuestion): ChosenHead {
  const { wanted, ours, adapter, live, plan } = question
  if (hasNoHead(plan)) return { ...fresh(question), told: 'no head' }
  const kind = wanted ?? ((ours ?? adapter.classifier) ? 'folder' : live ? 'live' : 'fresh')
  if (kind === 'folder') return ofFolder(question)
  if (kind === 'fresh') return fresh(question)
  if (live === undefined) throw refuse('--head', kind, 'fresh: no version is live')
  const { facts, version } = live.manifest
  return {
    labels: labelsOf(facts),
    tensors: live.parameters,
    facts: scoring(facts),
    told: `the head of ${version}`,
    parent: live,
  }
}

/** A language model answers from its base's vocabulary. */
function hasNoHead({ task, base, outputs }: AdapterPlan): boolean {
  return task.parameters(base.network.width, outputs).length === 0
}

function ofFolder(question: HeadQuestion): ChosenHead {
  const { ours, adapter, labels: known, wanted } = question
  const parent = undefined
  if (adapter.classifier !== undefined) {
    // An export goes on with its labels, also where PEFT has trained its classifier since.
    const labels = ours === undefined ? known : labelsOf(ours.manifest.facts)
    const plan = { ...question.plan, outputs: question.plan.task.outputs(labels) }
    const isSaid = ours !== undefined || wanted === 'folder'
    const head = headOf(adapter.classifier, adapter.found, plan, labels, isSaid)
    const tensors = new Map([...fresh({ ...question, plan }).tensors, ...head])
    const isExported = ours !== undefined && isSame(head, floatTensors(readSafetensors(ours.head)))
    const facts = isExported ? scoring(ours.manifest.facts) : {}
    return { labels, tensors, facts, told: 'the head of the folder', parent }
  }
  if (ours === undefined) throw refuse('--head', 'folder', 'live, fresh: the folder has no head')
  const { facts, version, model } = ours.manifest
  const labels = labelsOf(facts)
  const tensors = floatTensors(readSafetensors(ours.head))
  const told = `the head of ${version} of ${model}`
  return { labels, tensors, facts: scoring(facts), told, parent }
}

/** Up to the rounding of a scale that was multiplied and divided. */
function isSame(head: Tensors, other: Tensors): boolean {
  return [...head].every(([name, { data }]) => {
    const before = other.get(name)?.data
    return data.every((value, at) => Math.abs(value - (before?.[at] ?? NaN)) <= 1e-6)
  })
}

/** All but the labels: the config has rules of its own for them. */
function scoring({ labels: _, retired: __, ...facts }: TaskFacts): TaskFacts {
  return facts
}

/** As for a new model; the base's statistics so far stay. */
function fresh({ plan, live, labels }: HeadQuestion): ChosenHead {
  const counted = new Set(statisticsOf(plan).map(({ name }) => name))
  const specs = [
    ...statisticsOf(plan),
    ...plan.task.parameters(plan.base.network.width, plan.outputs),
  ]
  const tensors = specs.map(({ name, shape, start }): [string, Tensor] => {
    const known = counted.has(name) ? live?.parameters.get(name) : undefined
    const length = shape.reduce((product, size) => product * size, 1)
    return [name, known ?? { shape, data: new Float32Array(length).fill(start === 'ones' ? 1 : 0) }]
  })
  return { labels, tensors: new Map(tensors), told: 'a fresh head', parent: undefined }
}

/** The adapter's tensors and the head's, exactly those of a version of this plan. */
export function together(plan: AdapterPlan, adapter: PeftAdapter, head: ChosenHead): Tensors {
  const all = new Map([...head.tensors, ...adapter.parameters])
  const found = specsOf(plan).map(({ name, shape }): [string, Tensor] => {
    const tensor = all.get(name)
    const wanted = `[${shape.join()}]`
    if (tensor === undefined) throw refuse(name, undefined, `${wanted} (${head.told})`)
    if (tensor.shape.join() !== shape.join())
      throw refuse(name, [...tensor.shape], `${wanted} (${head.told}); or another --head`)
    return [name, tensor]
  })
  return new Map(found)
}

function labelsOf({ labels = [] }: TaskFacts): readonly string[] {
  return labels as readonly string[]
}
