/** A list over HTTP comes in pages: `?limit=` of how many, `?before=` where the last one ended, which it said as `next`. */
import { Type, type TSchema } from 'typebox'

const MOST = 100

/** Values of a query string are texts. */
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9]|[1-9][0-9]|100)$',
        description: `how many, at most ${MOST}; absent = ${MOST}`,
        examples: ['20'],
      }),
    ),
    before: Type.Optional(
      Type.String({ maxLength: 64, description: 'the `next` of the page before' }),
    ),
  },
  { additionalProperties: false },
)

export interface PageQuery {
  readonly limit?: string
  readonly before?: string
}

export const Next = Type.Optional(
  Type.String({ description: 'where there is more: the `before` of the next page' }),
) satisfies TSchema

export function limitOf({ limit }: PageQuery): number {
  return limit === undefined ? MOST : Number(limit)
}

/** `before` where a list is numbered. */
export function numberIn({ before }: PageQuery): number | undefined {
  return before === undefined ? undefined : Number(before)
}

export function nextOf({ next }: { readonly next?: string | number }): { readonly next?: string } {
  return next === undefined ? {} : { next: String(next) }
}
