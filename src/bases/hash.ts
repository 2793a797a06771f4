/**
 * The identity of a base: sha256 over everything that its output depends on. A tensor is hashed in the network's form,
 * so one model stored in two ways (with a prefix, or in half precision with the same values) has one hash.
 */
import { createHash } from 'node:crypto'
import type { Json, Tensors } from '../contracts/core.ts'
import { canonicalJson } from '../platform/canonical-json.ts'

/** `settings` holds the version of the network's equations, its config and its tokenizer. */
export function hashBase(settings: Json, weights: Tensors): string {
  const hash = createHash('sha256').update(canonicalJson(settings))
  for (const name of [...weights.keys()].sort()) {
    const tensor = weights.get(name)
    if (tensor === undefined) continue
    const { shape, data } = tensor
    hash.update(`\n${JSON.stringify(name)} ${shape.join('×')}\n`)
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return hash.digest('hex')
}
