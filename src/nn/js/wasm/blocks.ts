/**
 * Which bytes of a memory are free: blocks in the order of their addresses, neighbours joined, and the first that is large enough is
 * taken. There are few blocks, and they live long.
 *
 * Knuth (1997), "The art of computer programming" 1, section 2.5, algorithms A and B.
 */
import { invariant } from '../../../platform/errors.ts'

export interface Blocks {
  limitBytes: number
  readonly usedBytes: number
  /** Undefined if there is no room below the limit. */
  take(bytes: number): number | undefined
  free(at: number, bytes: number): void
}

const DEFAULT_LIMIT = 2 ** 28

/** `reach` makes the memory at least so long. */
export function openBlocks(reach: (bytes: number) => void): Blocks {
  const holes: { at: number; bytes: number }[] = []
  /** Everything from here on is free. */
  let end = 0
  let usedBytes = 0
  return {
    limitBytes: DEFAULT_LIMIT,
    get usedBytes() {
      return usedBytes
    },
    take(bytes) {
      const place = holes.findIndex((hole) => hole.bytes >= bytes)
      const hole = holes[place]
      if (hole === undefined && end + bytes > this.limitBytes) return undefined
      usedBytes += bytes
      if (hole === undefined) {
        end += bytes
        reach(end)
        return end - bytes
      }
      const { at } = hole
      if (hole.bytes === bytes) holes.splice(place, 1)
      else holes[place] = { at: at + bytes, bytes: hole.bytes - bytes }
      return at
    },
    free(at, bytes) {
      usedBytes -= bytes
      const found = holes.findIndex((hole) => hole.at > at)
      const next = found < 0 ? holes.length : found
      const before = holes[next - 1]
      const after = holes[next]
      invariant(before === undefined || before.at + before.bytes <= at, 'memory was freed twice')
      const joined = { at, bytes }
      const joinsBefore = before !== undefined && before.at + before.bytes === at
      const joinsAfter = after?.at === at + bytes
      if (joinsBefore) {
        joined.at = before.at
        joined.bytes += before.bytes
      }
      if (joinsAfter) joined.bytes += after.bytes
      const isLast = joined.at + joined.bytes === end
      if (isLast) end = joined.at
      const gone = (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0)
      holes.splice(joinsBefore ? next - 1 : next, gone, ...(isLast ? [] : [joined]))
    },
  }
}
