/** A list in pages, newest first: a page has at most `limit` items, and says where the next one begins if there is more. */

export interface Page<Item, Place> {
  readonly items: readonly Item[]
  /** The `before` of the next page; absent on the last one. */
  readonly next?: Place
}

/** `found` has one entry more than `limit` if there is more. */
export function pageOf<Item, Place>(
  found: readonly Item[],
  limit: number,
  placeOf: (item: Item) => Place,
): Page<Item, Place> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  if (last === undefined || found.length <= limit) return { items }
  return { items, next: placeOf(last) }
}
