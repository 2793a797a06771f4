/** The version for the registry, from the folder's adapter and the chosen head. */
import { methodOf, type AdapterPlan } from '../../adapters/adapter.ts'
import { readPeft } from '../../adapters/peft/tensors.ts'
import { recordedConfig, identityOf } from '../../adapters/recorded-config.ts'
import { refuse } from '../../adapters/peft/targets.ts'
import type { Base } from '../../contracts/base.ts'
import type { CodedError } from '../../contracts/core.ts'
import type { TaskFacts } from '../../contracts/example.ts'
import { failure } from '../../platform/errors.ts'
import type { Manifest, ManifestDraft, Version, VersionDraft } from '../contract.ts'
import { proveBase, type KnownBase } from './base-proof.ts'
import type { PeftFiles } from './files.ts'
import { chooseHead, together, type ChosenHead, type HeadKind } from './head-choice.ts'

/** The model that a folder is imported into. */
export interface ImportTarget extends KnownBase {
  readonly model: string
  readonly base: Base
  /** The plan with the labels of the config. */
  readonly plan: AdapterPlan
  /** Throws IMPORT_REFUSED for a version that does not answer in finite numbers. */
  readonly tryAnswer: (draft: VersionDraft) => Promise<void>
  readonly labels: {
    readonly open: boolean
    readonly known: readonly string[]
    readonly retired: readonly string[]
  }
}

/** What a person says about a folder. */
export interface ImportChoices {
  /** Absent = the folder's if it has one, otherwise the live version's. */
  readonly head?: HeadKind | undefined
  /** It was trained on the base of this model, on a person's word. */
  readonly trustBase?: boolean | undefined
}

export interface Importing extends ImportChoices {
  readonly target: ImportTarget
  /** Its name, for the version's reason. */
  readonly folder: string
  readonly files: PeftFiles
  readonly live: Version | undefined
  /** The version that the folder was exported from. */
  readonly origin: Manifest | undefined
}

export interface Draft {
  readonly version: VersionDraft
  /** Remarks for the user. */
  readonly idle: readonly string[]
}

export async function draftImport(importing: Importing): Promise<Draft> {
  const { target, files, live, origin, trustBase = false } = importing
  const { fields, ours } = files
  const { plan } = target
  if (methodOf(plan).closedForm !== undefined) throw withoutSums(plan.config.method)
  if (!hasLabels(plan) && plan.task.reads !== 'answers') {
    const allowed =
      'classification, multilabel, spans, generation: PEFT has heads of classes, or none'
    throw refuse('task', plan.task.kind, allowed)
  }
  const adapter = readPeft(fields, files.adapter, plan)
  const claim = { fields, manifest: ours?.manifest, isTrusted: trustBase }
  const proof = await proveBase(claim, target)
  const head = chooseHead({
    wanted: importing.head,
    ours,
    adapter,
    live,
    plan,
    labels: target.labels.known,
  })
  checkLabels(head.labels, target)
  const outputs = hasLabels(plan) ? plan.task.outputs(head.labels) : plan.outputs
  const parameters = together({ ...plan, outputs }, adapter, head)
  const reason = `imported from ${writerOf(importing)}, with ${head.told}; ${proof}`
  const manifest = manifestOf(target, head, origin, reason)
  const version = { manifest, parameters }
  await target.tryAnswer(version)
  return { version, idle: adapter.idle }
}

/** The registry names it and seals it. */
function manifestOf(
  target: ImportTarget,
  head: ChosenHead,
  origin: Manifest | undefined,
  reason: string,
): ManifestDraft {
  const { model, base, plan } = target
  const parent = head.parent?.manifest ?? origin
  return {
    model,
    version: 'import',
    parent: parent?.version ?? null,
    base: identityOf(base),
    task: plan.task.kind,
    facts: factsOf(target, head),
    adapter: recordedConfig(plan.config),
    span: {},
    events: parent?.events ?? 0,
    events_new: 0,
    steps: parent?.steps ?? 0,
    scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    decision: 'imported',
    reason,
  }
}

function factsOf(
  { plan, labels: rules }: ImportTarget,
  { labels, facts = {} }: ChosenHead,
): TaskFacts {
  if (!hasLabels(plan)) return {}
  const retired = labels.filter((label) => rules.retired.includes(label))
  return {
    labels,
    ...(retired.length > 0 && { retired }),
    ...facts,
  }
}

function hasLabels({ task }: AdapterPlan): boolean {
  return (task.hasClasses ?? task.hasStrata) === true
}

function checkLabels(labels: readonly string[], { labels: rules }: ImportTarget): void {
  const { open, known } = rules
  const unknown = labels.filter((label) => !known.includes(label))
  if (!open && unknown.length > 0) throw refuse('labels', unknown, known.join(', '))
}

function writerOf({ folder, files }: Importing): string {
  const { peft_version: version } = files.fields
  return `${folder} (PEFT${typeof version === 'string' ? ` ${version}` : ''})`
}

/** Also of its own export: only a checkpoint has the sums that a closed form goes on from. */
function withoutSums(method: string): CodedError {
  const field = 'adapter.method'
  return failure(
    'IMPORT_REFUSED',
    `${field} is ${method}, which goes on from sums that no folder has`,
    {
      details: { field, value: method, allowed: 'a method that learns by gradients' },
      fix: 'copy the data_dir that the version comes from, or send the events again; or set a method that learns by gradients, such as lora',
    },
  )
}
