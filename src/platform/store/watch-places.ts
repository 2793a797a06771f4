/**
 * Checks once a second whether open files are still where they were opened. A write finds that out by itself; this finds
 * it while nothing is written, so that it can be shown.
 */
import { rest, type Clock, type CodedError } from '../../contracts/core.ts'
import { lookAt, placeOf, type FilePlace } from './file-place.ts'

const EVERY_MS = 1000

export interface WatchedFile {
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
