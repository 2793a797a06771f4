/**
 * The name of this daemon in its fleet: the config's, or a generated name that stays with its data folder, because
 * other stores keep its forwarded feedback and its leases under this name.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './store/atomic-file.ts'

/** A trainer-only daemon may share the folder of a server-only one, but not its name. */
const fileOf = (role: string) => (role === 'trainer' ? 'trainer-id' : 'replica-id')
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Call it under the lock of the folder: two processes that create a name at once would get different ones. */
export async function replicaName(config: {
  readonly data_dir: string
  readonly role: string
  readonly replica?: string | undefined
}): Promise<string> {
  if (config.replica !== undefined) return config.replica
  const path = join(config.data_dir, fileOf(config.role))
  const kept = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
  if (NAME.test(kept)) return kept
  const name = `r-${randomBytes(6).toString('hex')}`
  await replaceFile(path, Buffer.from(`${name}\n`))
  return name
}
