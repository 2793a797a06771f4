/** Reads pages of a list until there are as many items as requested. */
import type { Page } from '../../client/client.ts'
import type { PageQuery } from '../../client/schemas/parts.ts'

/** The daemon's maximum page size. */
const PAGE = 100

/** `last`: the last page, for its other fields. */
export async function pagesOf<Answer extends Page, Item>(
  read: (query: Required<Pick<PageQuery, 'limit'>> & PageQuery) => Promise<Answer>,
  itemsIn: (page: Answer) => readonly Item[],
  count: number,
): Promise<{ readonly items: readonly Item[]; readonly hasMore: boolean; readonly last: Answer }> {
  const items: Item[] = []
  for (let before = {}; ;) {
    const limit = String(Math.min(PAGE, count - items.length))
    const last = await read({ limit, ...before })
    items.push(...itemsIn(last))
    const { next } = last
    if (next === undefined || items.length >= count)
      return { items, hasMore: next !== undefined, last }
    before = { before: next }
  }
}
