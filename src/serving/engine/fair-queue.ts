/**
 * A queue in which keys take turns, and within a key its requests do: one item of each in rotation, first in, first out
 * within a request. So a key with a thousand items delays another key's first item by one, and a request of a thousand
 * rows delays a single row of the same key by one, not by a thousand.
 */
export interface FairQueue<Item> {
  readonly size: number
  sizeOf(key: string): number
  /** Items of one `request` keep their order. */
  push(key: string, request: object, item: Item): void
  take(): Item | undefined
  /** Removes one item, and answers whether it was there. */
  discard(key: string, item: Item): boolean
  /** Removes every item of a request. */
  remove(key: string, request: object): void
}

export function openFairQueue<Item>(): FairQueue<Item> {
  /** Maps keep the order of insertion: the first is the next in turn. */
  const lines = new Map<string, Map<object, Item[]>>()
  const sizes = new Map<string, number>()
  let size = 0

  function count(key: string, change: number): void {
    const left = (sizes.get(key) ?? 0) + change
    size += change
    if (left === 0) sizes.delete(key)
    else sizes.set(key, left)
  }

  return {
    get size() {
      return size
    },
    sizeOf: (key) => sizes.get(key) ?? 0,
    push(key, request, item) {
      const line = lines.get(key) ?? new Map<object, Item[]>()
      lines.set(key, line)
      const items = line.get(request)
      if (items === undefined) line.set(request, [item])
      else items.push(item)
      count(key, 1)
    },
    take() {
      const [turn] = lines
      if (turn === undefined) return undefined
      const [key, line] = turn
      const [first] = line
      if (first === undefined) return undefined
      const [request, items] = first
      const item = items.shift()
      line.delete(request)
      if (items.length > 0) line.set(request, items)
      lines.delete(key)
      if (line.size > 0) lines.set(key, line)
      count(key, -1)
      return item
    },
    discard(key, item) {
      const line = lines.get(key)
      for (const [request, items] of line ?? []) {
        const at = items.indexOf(item)
        if (at < 0) continue
        items.splice(at, 1)
        if (items.length === 0) line?.delete(request)
        if (line?.size === 0) lines.delete(key)
        count(key, -1)
        return true
      }
      return false
    },
    remove(key, request) {
      const line = lines.get(key)
      const items = line?.get(request)
      if (line === undefined || items === undefined) return
      line.delete(request)
      if (line.size === 0) lines.delete(key)
      count(key, -items.length)
    },
  }
}
