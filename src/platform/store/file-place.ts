/**
 * Checks whether an open file is still the one at its path. A folder that is removed or replaced under a running
 * process keeps accepting writes that are lost for good, so each such write is refused.
 */
import { statSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { rest, type CodedError, type Clock } from '../../contracts/core.ts'
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
async function lookAt(place: FilePlace): Promise<CodedError | undefined> {
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

/**
 * Checks once a second whether open files are still where they were opened. A write finds that out by itself; this finds
 * it while nothing is written, so that it can be shown.
 */
const EVERY_MS = 1000

interface WatchedFile {
  /** Watched if it is there now. */
  readonly path: string
  readonly onFault: (error: CodedError) => void
}

/** Returns how to stop. */
export function watchPlaces(files: readonly WatchedFile[], clock: Clock): () => void {
  const ended = new AbortController()
  const places = files.flatMap(({ path, onFault }) => {
    const place = placeOf(path)
    return place === undefined ? [] : [{ place, onFault }]
  })
  void watch(places, clock, ended.signal)
  return () => ended.abort()
}

async function watch(
  places: readonly { readonly place: FilePlace; readonly onFault: WatchedFile['onFault'] }[],
  clock: Clock,
  ended: AbortSignal,
): Promise<void> {
  while (await rest(clock, EVERY_MS, ended)) {
    for (const { place, onFault } of places) {
      const fault = await lookAt(place)
      if (fault !== undefined) onFault(fault)
    }
  }
}
