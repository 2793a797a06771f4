/** Where fetched bases lie, and opening one by its name: what `base: minilm` and `base: { pulled: owner/name }` mean. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Base } from '../../contracts/network.ts'
import { failure } from '../../platform/errors.ts'
import { userCache } from '../../platform/user-cache.ts'
import { openBert } from '../bert/bert.ts'

/** Where `models pull` puts a base when it is given no folder. */
export function pulledFolder(name: string): string {
  return join(userCache(), 'models', name.replace('/', '--'))
}

/** Throws BASE_MISSING, with the command that fetches it. */
export async function openPulled(name: string): Promise<Base> {
  const folder = pulledFolder(name)
  if (existsSync(folder)) return openBert(folder)
  throw failure(
    'BASE_MISSING',
    `${name} was not fetched yet: run \`antikythera models pull ${name}\``,
    {
      details: { base: name, folder },
    },
  )
}
