/**
 * The layout on disk of methods that replace weights of the base: a part of the network's own state dict. Names are those
 * of the base without any prefix, matrices [out, in] as torch keeps them, so that `load_state_dict(…, strict=False)` of
 * the Hugging Face model takes a version as it is.
 */
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/network.ts'
import { transpose } from './peft.ts'

/** `<site>.weight` [in, out] → [out, in]. */
export function toStateDict(parameters: Tensors): Tensors {
  return new Map([...parameters].map(([name, tensor]) => [name, transpose(tensor)]))
}

/** The same the other way; names and shapes are for the caller to check. */
export const fromStateDict = toStateDict

/** A type that PEFT refuses by name: opened as one of its own, such a version would silently be the base. */
export function stateDictConfig(method: string, base: Base): Readonly<Record<string, Json>> {
  return { peft_type: method.toUpperCase(), base_model_name_or_path: base.name }
}
