/**
 * What this daemon is called among others: the config's word for it, else a name of its own that stays with its data
 * folder, because what it has forwarded and what it holds is kept elsewhere under this name.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './store/atomic-file.ts'

/** A daemon that only trains may share the folder of one that only answers, but not its name. */
const fileOf = (role: string) => (role === 'trainer' ? 'trainer-id' : 'replica-id')
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Call under the lock of the folder: two processes that make a name at once would end with one each. */
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
