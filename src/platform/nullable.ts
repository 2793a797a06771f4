/**
 * Values of answers that may be null, as JSON Schema. A choice (`anyOf`) is serialised by checking each value, with a validator that
 * is compiled at the first answer and holds up the event loop by 20 to 50 ms; the word `nullable` is not. Descriptions show the choice.
 */
import { Type, type Static, type TSchema } from 'typebox'

export const nullable = <Schema extends TSchema>(schema: Schema) =>
  Type.Unsafe<Static<Schema> | null>({ ...schema, nullable: true })

/** A description in which each schema that may be null is a choice, whether it says so with `nullable` or with a list of types. */
export function withChoices(description: unknown): unknown {
  if (Array.isArray(description)) return description.map(withChoices)
  if (typeof description !== 'object' || description === null) return description
  const entries = Object.entries(description).map(([name, value]) => [name, withChoices(value)])
  const { nullable, ...inside } = Object.fromEntries(entries) as Record<string, unknown>
  const { type } = inside
  if (nullable === true) return choice(inside)
  if (!Array.isArray(type) || type.length !== 2 || type[1] !== 'null') return inside
  return choice({ ...inside, type: type[0] as unknown })
}

function choice(schema: object): object {
  return { anyOf: [schema, { type: 'null' }] }
}
