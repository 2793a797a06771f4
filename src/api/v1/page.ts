/** What a query asks for of a list, and how its answer goes on. */
import { MOST, type PageQuery } from '../../client/schemas/pages.ts'

export function limitOf({ limit }: PageQuery): number {
  return limit === undefined ? MOST : Number(limit)
}

/** `before` of a `NumberedQuery`. */
export function numberIn({ before }: PageQuery): number | undefined {
  return before === undefined ? undefined : Number(before)
}

export function nextOf({ next }: { readonly next?: string | number }): { readonly next?: string } {
  return next === undefined ? {} : { next: String(next) }
}
