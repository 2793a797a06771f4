/**
 * Reads a folder written by Hugging Face PEFT as an adapter of one model: `adapter_config.json` and
 * `adapter_model.safetensors`. It must be exactly this model's adapter; otherwise it is refused (`IMPORT_REFUSED`) with
 * the field, its value and the allowed values. Nothing is dropped, padded or scaled to make it fit. The method knows
 * its own on-disk layout (`toDisk`, `fromDisk`, `peftConfig`).
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
