/**
 * Whether a folder was trained on the base of this model. Adapters do not know the weights that they were trained on:
 * PEFT writes down a name or a path. So, in this order: our own manifest has the base's hash; a path that is here is
 * opened and hashed; a name must be the name of our base's folder. Where nothing tells, a person must say so.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { refuse } from '../../adapters/peft/refuse.ts'
import type { PeftFields } from '../../adapters/peft/targets.ts'
import { openBert } from '../../bases/bert/bert.ts'
import { wheels } from '../../bases/pulled/wheel.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Base } from '../../contracts/network.ts'
import type { Manifest } from '../../versions/contract.ts'
import type { ModelConfig } from '../../config/config.ts'

const FIELD = 'base_model_name_or_path'

export interface BaseClaim {
  readonly fields: PeftFields
  readonly manifest: Manifest | undefined
  readonly isTrusted: boolean
}

/** How it is known, for the version's reason. Throws IMPORT_REFUSED. */
export async function proveBase(
  { fields, manifest, isTrusted }: BaseClaim,
  config: ModelConfig['base'],
  base: Base,
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
  const names = namesOf(config, base)
  if (typeof named === 'string' && names.includes(lastOf(named)))
    return `the base by name, ${named}`
  if (isTrusted) return 'the base by your word'
  throw refuse(FIELD, named, `${names.join(', ')}, a folder of it, or --trust-base on your word`)
}

/** A folder that is no base of ours is another one. */
async function hashAt(folder: string): Promise<string> {
  try {
    return (await openBert(folder)).hash
  } catch (error) {
    if (error instanceof CodedError) return error.code
    throw error
  }
}

function namesOf(config: ModelConfig['base'], base: Base): readonly string[] {
  if (typeof config === 'string' || !('bert' in config)) return [base.name]
  const folder = lastOf(config.bert)
  const pulled = Object.hasOwn(wheels, folder) ? wheels[folder]?.holds : undefined
  return pulled === undefined ? [folder] : [folder, lastOf(pulled)]
}

/** `owner/name`, `models/owner--name` and `/srv/name/` are called `name`. */
function lastOf(path: string): string {
  return (
    path
      .split(/[\\/]|--/)
      .findLast((part) => part !== '')
      ?.toLowerCase() ?? ''
  )
}
