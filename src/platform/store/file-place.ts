/**
 * Checks whether an open file is still the one at its path. A folder that is removed or replaced under a running
 * process keeps accepting writes that are lost for good, so each such write is refused.
 */
import { statSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { CodedError } from '../../contracts/core.ts'
import { failure } from '../errors.ts'

export interface FilePlace {
  readonly path: string
  readonly device: number
  readonly inode: number
}

/** Taken right after opening. Undefined for anything but a file on a disk. */
export function placeOf(path: string): FilePlace | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && { path, device: found.dev, inode: found.ino }
}

/** Takes some microseconds. Throws STORE_REPLACED. */
export function checkPlace(place: FilePlace): void {
  const found = statSync(place.path, { throwIfNoEntry: false })
  if (!isThere(place, found)) throw replaced(place, found)
}

/** The same without waiting for the disk; undefined: the file is still there. */
export async function lookAt(place: FilePlace): Promise<CodedError | undefined> {
  const found = await stat(place.path).catch(() => undefined)
  return isThere(place, found) ? undefined : replaced(place, found)
}

function isThere({ device, inode }: FilePlace, found: Stats | undefined): boolean {
  return found?.dev === device && found.ino === inode
}

function replaced({ path }: FilePlace, found: Stats | undefined): CodedError {
  const what = found === undefined ? 'was removed' : 'was replaced by another file'
  return failure('STORE_REPLACED', `${path} ${what} while it was open`, { details: { path } })
}
