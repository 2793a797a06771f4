/** The data folder: created if needed, and refused with its name if this user cannot write to it. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../contracts/core.ts'
import { diskFailure } from './disk-failure.ts'
import { failure } from '../errors.ts'
import { acquireLock, type Lock } from './lock.ts'

/** Creates the folder if needed and holds these locks in it. Returns how to release them. Throws DATA_DIR_UNWRITABLE. */
export async function lockDataFolder(
  path: string,
  names: readonly string[],
  clock: Clock,
): Promise<() => void> {
  makeDataFolder(path)
  const locks: Lock[] = []
  const release = () => {
    for (const lock of locks.reverse()) lock.release()
  }
  try {
    for (const name of names)
      locks.push(await acquireLock(join(path, name), { clock, waitMs: 5000 }))
  } catch (error) {
    release()
    throw error
  }
  return release
}

/** Throws DATA_DIR_UNWRITABLE. */
export function makeDataFolder(path: string): void {
  try {
    if (!existsSync(path)) make(path)
    else if (!statSync(path).isDirectory())
      throw failure('DATA_DIR_UNWRITABLE', `${path} is not a folder`, { details: { path } })
  } catch (error) {
    throw diskFailure(error, path, 'cannot make the data folder')
  }
}

/** Only if the parent exists: in /proc, Node's recursive mkdir would retry for ever. */
function make(path: string): void {
  mkdirSync(path, { recursive: !existsSync(dirname(path)) })
}
