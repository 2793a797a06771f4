/** The data folder: created if needed, and refused with its name if this user cannot write to it. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskFailure } from './disk-failure.ts'
import { failure } from '../errors.ts'

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
