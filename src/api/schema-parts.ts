/** Small schemas that several routes share. */
import { Type, type Static, type TSchema } from 'typebox'

export const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
export const Count = Type.Integer({ minimum: 0 })
export const Time = Type.String({ format: 'date-time' })

/** Of answers: a choice (`anyOf`) is serialised by checking each value, this one is not. The description shows the choice. */
export const Maybe = <Schema extends TSchema>(schema: Schema) =>
  Type.Unsafe<Static<Schema> | null>({ ...schema, nullable: true })

/** A description with a choice for each schema that may be null: its types by then are that of the schema, and `null`. */
export function withChoices(description: unknown): unknown {
  if (Array.isArray(description)) return description.map(withChoices)
  if (typeof description !== 'object' || description === null) return description
  const entries = Object.entries(description).map(([name, value]) => [name, withChoices(value)])
  const inside = Object.fromEntries(entries) as { readonly type?: unknown }
  const { type } = inside
  if (!Array.isArray(type) || type.length !== 2 || type[1] !== 'null') return inside
  return { anyOf: [{ ...inside, type: type[0] as unknown }, { type: 'null' }] }
}
