/**
 * A queue in which keys take turns: first in, first out within a key, one item of each key in rotation across them.
 * So a key with a thousand items delays another key's first item by one, not by a thousand.
 */
export interface FairQueue<Item> {
  readonly size: number
  sizeOf(key: string): number
  push(key: string, item: Item): void
  take(): Item | undefined
  /** Removes every entry that matches, at any place in the queue. */
  remove(unwanted: (item: Item) => boolean): void
}

export function openFairQueue<Item>(): FairQueue<Item> {
  /** A map keeps the order of insertion: the first key is the next in turn. */
  const lines = new Map<string, Item[]>()
  let size = 0
  return {
    get size() {
      return size
    },
    sizeOf: (key) => lines.get(key)?.length ?? 0,
    push(key, item) {
      const line = lines.get(key)
      if (line === undefined) lines.set(key, [item])
      else line.push(item)
      size += 1
    },
    take() {
      const [turn] = lines
      if (turn === undefined) return undefined
      const [key, line] = turn
      const item = line.shift()
      lines.delete(key)
      if (line.length > 0) lines.set(key, line)
      size -= 1
      return item
    },
    remove(unwanted) {
      for (const [key, line] of lines) {
        const kept = line.filter((item) => !unwanted(item))
        size -= line.length - kept.length
        if (kept.length > 0) lines.set(key, kept)
        else lines.delete(key)
      }
    },
  }
}
