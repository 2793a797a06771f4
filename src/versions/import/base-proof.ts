/**
 * Whether a folder was trained on the base of this model. An adapter does not identify the weights it was trained on:
 * PEFT records a name or a path. So, in this order: our own manifest has the base's hash; a path that exists here is
 * opened and hashed; a name must equal the name of our base's folder. Otherwise a person must confirm it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type PeftFields, refuse } from '../../adapters/peft/targets.ts'
import type { Base } from '../../contracts/base.ts'
import type { Manifest } from '../contract.ts'

const FIELD = 'base_model_name_or_path'

export interface BaseClaim {
  readonly fields: PeftFields
  readonly manifest: Manifest | undefined
  readonly isTrusted: boolean
}

/** The facts about the model's base besides its weights. */
export interface KnownBase {
  readonly base: Pick<Base, 'hash'>
  /** Its names elsewhere, in small letters, without owner and folder. */
  readonly names: readonly string[]
  /** The hash of the base in a folder, or the code of its problem. */
  readonly hashAt: (folder: string) => Promise<string>
}

/** The evidence, for the version's reason. Throws IMPORT_REFUSED. */
export async function proveBase(
  { fields, manifest, isTrusted }: BaseClaim,
  { base, names, hashAt }: KnownBase,
): Promise<string> {
  if (manifest !== undefined) {
    if (manifest.base.hash === base.hash) return 'the base by its hash in the manifest'
    throw refuse('base.hash', manifest.base.hash, base.hash)
  }
  const named = fields[FIELD] ?? null
  if (typeof named === 'string' && existsSync(join(named, 'config.json'))) {
    const hash = await hashAt(named)
    if (hash === base.hash) return `the base by the hash of ${named}`
    throw refuse(FIELD, named, `the base of this model (${base.hash.slice(0, 12)}…)`, {
      hash,
      base: base.hash,
    })
  }
  if (typeof named === 'string' && names.includes(nameAt(named)))
    return `the base by name, ${named}`
  if (isTrusted) return 'the base by your word'
  throw refuse(FIELD, named, `${names.join(', ')}, a folder of it, or --trust-base on your word`)
}

/** `owner/name`, `models/owner--name` and `/srv/name/` all have the name `name`. */
export function nameAt(path: string): string {
  return (
    path
      .split(/[\\/]|--/)
      .findLast((part) => part !== '')
      ?.toLowerCase() ?? ''
  )
}
