/** Small schemas that several routes share, and the type of what is written or read by a schema. */
import { Type, type Static, type TSchema } from 'typebox'

/** Schemas that say no more than a description. */
export const text = (description: string) => Type.String({ description })
export const integer = (description: string) => Type.Integer({ description })
export const number = (description: string) => Type.Number({ description })
export const flag = (description: string) => Type.Boolean({ description })

export const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
export const Count = Type.Integer({ minimum: 0 })
export const Time = Type.String({ format: 'date-time' })
/** Of what a person asks for. */
export const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'recorded in the history',
})

/** A value of the schema. Neither side changes it. */
export type Answer<Schema extends TSchema> = Immutable<Static<Schema>>

export type Immutable<Value> = Value extends object
  ? { readonly [Key in keyof Value]: Immutable<Value[Key]> }
  : Value

/** Pages of a list over HTTP: `?limit=` for how many, `?before=` with the `next` of the last page. */
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

export const Next = Type.Optional(
  text('if there is more: the `before` of the next page'),
) satisfies TSchema

export type PageQuery = Answer<typeof PageQuery>
