/**
 * Where downloaded bases are, and opening one by its name: the meaning of `base: minilm`, `base: smollm2` and
 * `base: { pulled: owner/name }`.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import { failure } from '../../platform/errors.ts'
import { userCache } from '../../platform/user-cache.ts'
import { openFolder } from './open-folder.ts'
import { hubName } from './wheel.ts'

/** Where `models pull` puts a base if no folder is given. */
export function pulledFolder(name: string): string {
  return join(userCache(), 'models', name.replace('/', '--'))
}

/** Throws BASE_MISSING, with the command that downloads it. */
export async function openPulled(name: string): Promise<Base> {
  const folder = pulledFolder(name)
  if (existsSync(folder)) return { ...(await openFolder(folder)), name, hub: hubName(name) }
  throw failure(
    'BASE_MISSING',
    `${name} was not downloaded yet: run \`antikythera models pull ${name}\``,
    {
      details: { base: name, folder },
    },
  )
}
