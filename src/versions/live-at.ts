/**
 * What was live at a time, by bisection over the generations: a few moves are read, however long the history is. Where the
 * clock of a machine went back, one of the versions of that hour is found.
 */
import { failure } from '../platform/errors.ts'
import type { Registry, Routing } from './contract.ts'

/** A time to come has the present version. `TIME_BEFORE_HISTORY` before the oldest move that is kept. */
export async function liveAt(
  registry: Pick<Registry, 'live' | 'history'>,
  timeMs: number,
): Promise<Routing> {
  let found = await registry.live()
  if (found === undefined) throw failure('NOT_READY', 'no version is live yet')
  if (found.sinceMs <= timeMs) return found
  // The move at `low`, if it is kept, is of that time or before; the one at `high` is after it.
  let [low, high] = [0, found.generation]
  found = undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const [move] = await registry.history(1, middle + 1)
    if (move !== undefined && move.sinceMs > timeMs) high = move.generation
    else [low, found] = [middle, move]
  }
  if (found !== undefined) return found
  const time = new Date(timeMs).toISOString()
  throw failure('TIME_BEFORE_HISTORY', `nothing is known to have been live at ${time}`, {
    details: { at: time },
  })
}
