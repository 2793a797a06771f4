/** Pages of a list over HTTP: `?limit=` for how many, `?before=` with the `next` of the last page. */
import { Type, type TSchema } from 'typebox'

export const MOST = 100

/** Values of a query string are text. */
export const PageQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9]|[1-9][0-9]|100)$',
        description: `page size, at most ${MOST}; absent = ${MOST}`,
        examples: ['20'],
      }),
    ),
    before: Type.Optional(
      Type.String({ maxLength: 64, description: 'the `next` of the previous page' }),
    ),
  },
  { additionalProperties: false },
)

/** Where a list is numbered, by the number of its entries. */
export const NumberedQuery = Type.Object(
  {
    ...PageQuery.properties,
    before: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'the `next` of the previous page' }),
    ),
  },
  { additionalProperties: false },
)

export interface PageQuery {
  readonly limit?: string
  readonly before?: string
}
export type NumberedQuery = PageQuery

export const Next = Type.Optional(
  Type.String({ description: 'if there is more: the `before` of the next page' }),
) satisfies TSchema
