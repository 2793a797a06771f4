/** Follows the pages of a list until there are as many items as were asked for. */
import type { Client, JsonObject } from './client.ts'

/** The most that the daemon lists at once. */
const PAGE = 100

export async function pagesOf(
  client: Client,
  path: string,
  key: string,
  count: number,
): Promise<{ readonly items: readonly JsonObject[]; readonly hasMore: boolean }> {
  const items: JsonObject[] = []
  for (let before = ''; ;) {
    const limit = Math.min(PAGE, count - items.length)
    const page = await client.get(`${path}?limit=${limit}${before}`)
    items.push(...(page[key] as JsonObject[]))
    const { next } = page
    if (typeof next !== 'string' || items.length >= count)
      return { items, hasMore: typeof next === 'string' }
    before = `&before=${encodeURIComponent(next)}`
  }
}
