/** A version as the registry takes it, of a folder that was read and a head that was chosen. */
import { identityOf } from '../../adapters/base-identity.ts'
import { methodOf, type AdapterPlan } from '../../adapters/adapter.ts'
import { readPeft } from '../../adapters/peft/read.ts'
import { refuse } from '../../adapters/peft/refuse.ts'
import { labelsOf, type LabelsOf } from '../../app/parts.ts'
import type { Base } from '../../contracts/network.ts'
import type { Manifest, ManifestDraft, Version, VersionDraft } from '../../versions/contract.ts'
import type { ModelConfig } from '../../config/config.ts'
import { retiredAmong } from '../../learner/retired-among.ts'
import { proveBase } from './base-proof.ts'
import type { PeftFiles } from './files.ts'
import { chooseHead, together, type HeadKind } from './head-choice.ts'

export interface Importing {
  readonly model: string
  readonly folder: string
  readonly files: PeftFiles
  readonly plan: AdapterPlan
  readonly base: Base
  readonly config: ModelConfig
  readonly live: Version | undefined
  readonly head: HeadKind | undefined
  readonly isTrusted: boolean
}

export interface Draft {
  readonly version: VersionDraft
  /** What a person should know of it. */
  readonly idle: readonly string[]
}

export async function draftImport(importing: Importing): Promise<Draft> {
  const { files, plan, base, config, live, isTrusted } = importing
  const { fields, ours } = files
  if (methodOf(plan).closedForm !== undefined)
    throw refuse('adapter.method', plan.config.method, 'a method that learns by gradients')
  const adapter = readPeft(fields, files.adapter, plan)
  const claim = { fields, manifest: ours?.manifest, isTrusted }
  const proof = await proveBase(claim, config.base, base)
  const head = chooseHead({ wanted: importing.head, ours, adapter, live, plan })
  checkLabels(head.labels, labelsOf(config))
  const parameters = together({ ...plan, labels: head.labels }, adapter, head)
  const reason = `imported from ${writerOf(importing)}, with ${head.told}; ${proof}`
  const manifest = manifestOf(importing, head.labels, head.parent?.manifest, reason)
  return { version: { manifest, parameters }, idle: adapter.idle }
}

/** The registry names it and seals it. */
function manifestOf(
  { model, base, plan, config }: Importing,
  labels: readonly string[],
  parent: Manifest | undefined,
  reason: string,
): ManifestDraft {
  const retired = retiredAmong(labels, labelsOf(config).retired)
  return {
    model,
    version: 'import',
    parent: parent?.version ?? null,
    base: identityOf(base),
    task: plan.task.kind,
    labels,
    ...(retired.length > 0 && { retired }),
    adapter: plan.config,
    span: {},
    events: parent?.events ?? 0,
    events_new: 0,
    steps: parent?.steps ?? 0,
    scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    decision: 'imported',
    reason,
  }
}

function checkLabels(labels: readonly string[], { open, known }: LabelsOf): void {
  const unknown = labels.filter((label) => !known.includes(label))
  if (!open && unknown.length > 0) throw refuse('labels', unknown, known.join(', '))
}

function writerOf({ folder, files }: Importing): string {
  const { peft_version: version } = files.fields
  return `${folder} (PEFT${typeof version === 'string' ? ` ${version}` : ''})`
}
