/** Reads pages of a list until there are as many items as requested. */
import type { Client, JsonObject } from './client.ts'

/** The daemon's maximum page size. */
const PAGE = 100

export async function pagesOf(
  client: Client,
  path: string,
  key: string,
  count: number,
  query: Readonly<Record<string, string>> = {},
): Promise<Pages> {
  const items: JsonObject[] = []
  for (let before = {}; ;) {
    const limit = String(Math.min(PAGE, count - items.length))
    const asked = new URLSearchParams({ limit, ...before, ...query })
    const page = await client.get(`${path}?${asked.toString()}`)
    items.push(...(page[key] as JsonObject[]))
    const { next } = page
    if (typeof next !== 'string' || items.length >= count)
      return { items, hasMore: typeof next === 'string', last: page }
    before = { before: next }
  }
}

interface Pages {
  readonly items: readonly JsonObject[]
  readonly hasMore: boolean
  /** The last page, for its other fields. */
  readonly last: JsonObject
}
