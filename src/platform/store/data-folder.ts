/** The folder that everything lies in: made if need be, and refused by name where this user cannot write in it. */
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

/** Where the parent is there Node is not asked for more: in /proc it would try for ever. */
function make(path: string): void {
  mkdirSync(path, { recursive: !existsSync(dirname(path)) })
}
