/**
 * A folder that Hugging Face PEFT wrote, read as an adapter of one model: `adapter_config.json` and
 * `adapter_model.safetensors`. It is this model's adapter exactly or it is refused (`IMPORT_REFUSED`) with the field, its
 * value and what is allowed; nothing is dropped, padded or scaled to make it fit. How a method lies on disk is the
 * method's own knowledge (`toDisk`, `fromDisk`, `peftConfig`).
 */
import type { Tensors } from '../../contracts/core.ts'
import type { AdapterPlan } from '../adapter.ts'
import { readSafetensors } from '../../nn/containers/safetensors.ts'
import { checkFields, checkType } from './fields.ts'
import { takeClassifier } from './head.ts'
import { floatTensors, prefixOf, refuseRest, sortTensors } from './tensors.ts'
import type { FoundFields, PeftFields } from './targets.ts'

export interface PeftAdapter {
  readonly found: FoundFields
  /** The method's own. */
  readonly parameters: Tensors
  /** As it lies in the file; `headOf` makes a head of it. */
  readonly classifier: Tensors | undefined
  /** Modules whose adapter adds nothing and was left out. */
  readonly idle: readonly string[]
}

/** Labels of the plan do not count. */
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
