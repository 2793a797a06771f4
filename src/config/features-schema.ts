/** `base.features.schema` in a config: name → type, or a mapping that also says which values mean missing. */
import { Type } from 'typebox'

const types = [Type.Literal('number'), Type.Literal('category'), Type.Literal('boolean')] as const

const field = Type.Object(
  {
    type: Type.Union([...types]),
    missing: Type.Optional(
      Type.Array(Type.Union([Type.Number(), Type.String()]), {
        maxItems: 64,
        description: 'values that mean missing, such as [9999, -999]; null and absence always do',
      }),
    ),
    indicator: Type.Optional(
      Type.Boolean({
        description: 'true: adds a column that says whether the value is missing; absent = false',
      }),
    ),
    columns: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description: 'for a category: the number of columns its values are hashed to; absent = 32',
      }),
    ),
  },
  { additionalProperties: false },
)

export const featureSchema = Type.Record(
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]{1,128}$' }),
  Type.Union([...types, field]),
  {
    description:
      'names and types of all features, instead of size and names: number, category, boolean, or { type, missing, indicator, columns }',
  },
)

export const unknownFeatures = Type.Enum(['refuse', 'ignore'], {
  description: 'with a schema, what to do with names that it lacks; absent = refuse',
})
