/**
 * The on-disk layout of methods that replace weights of the base: a part of the network's own state dict. Names are the
 * base's, without a prefix, and matrices [out, in] as in torch, so that `load_state_dict(…, strict=False)` of the
 * Hugging Face model accepts a version directly.
 */
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import { transpose } from './peft.ts'

/** `<site>.weight` [in, out] → [out, in]. */
export function toStateDict(parameters: Tensors): Tensors {
  return new Map([...parameters].map(([name, tensor]) => [name, transpose(tensor)]))
}

/** The inverse; the caller checks names and shapes. */
export function fromStateDict(tensors: Tensors): Tensors {
  return toStateDict(tensors)
}

/**
 * A type that PEFT refuses by name: if PEFT opened it as one of its own, such a version would silently be the bare
 * base.
 */
export function stateDictConfig(method: string, base: Base): Readonly<Record<string, Json>> {
  return { peft_type: method.toUpperCase(), base_model_name_or_path: base.hub ?? base.name }
}
