/** What memories of examples have in common: room for so many, and the oldest make way for the newest. */
import type { ExampleKey } from '../../src/contracts/core.ts'
import type { MemoryItem } from '../../src/contracts/policy.ts'
import { integer } from '../settings.ts'

/** `bytes`: by default, and at most. `due`: what is counted until a version is published. */
export function roomSettings(
  stored: { readonly what: string; readonly of: string; readonly due: string },
  room: { readonly capacity: number; readonly bytes: readonly [number, number] },
) {
  const [bytes, most] = room.bytes
  return {
    capacity: integer([1, 16_384], room.capacity, stored.what),
    bytes: integer([1024, most], bytes, `total size of ${stored.of}`),
    every: integer(
      [1, 1_000_000],
      1,
      `${stored.due} after which a version is published before the next update`,
    ),
  } as const
}

/** Those that leave for `item`: the ones that it replaces, then the oldest until it fits; itself if it never does. */
export function leaving(
  item: MemoryItem,
  kept: readonly MemoryItem[],
  { capacity, bytes }: { readonly capacity: number; readonly bytes: number },
  by: {
    readonly size: (of: MemoryItem) => number
    readonly isReplaced: (other: MemoryItem) => boolean
  },
): readonly ExampleKey[] {
  if (by.size(item) > bytes) return [item.key]
  const gone = kept.filter((other) => by.isReplaced(other))
  const stay = kept.filter((other) => !gone.includes(other))
  let total = stay.reduce((sum, other) => sum + by.size(other), by.size(item))
  let count = stay.length + 1
  for (const oldest of stay) {
    if (count <= capacity && total <= bytes) break
    gone.push(oldest)
    total -= by.size(oldest)
    count -= 1
  }
  return gone.map(({ key }) => key)
}
