/** The labels of a model: a closed list, or one that new labels may join. */
import { Type } from 'typebox'

const label = Type.String({ minLength: 1 })

export const labels = Type.Union(
  [
    Type.Array(label, { minItems: 2, uniqueItems: true }),
    Type.Object(
      {
        open: Type.Boolean({ description: 'whether new labels may appear at run time' }),
        known: Type.Array(label, { uniqueItems: true, default: [] }),
        retired: Type.Array(label, {
          uniqueItems: true,
          default: [],
          description:
            'neither answered nor learned; a label removed from this list is back unchanged',
        }),
        renamed: Type.Optional(
          Type.Record(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$' }), label, {
            description:
              'old name → new name: the model keeps what it learned under the new name; if it has both, the old one is retired',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    description:
      'a closed list, or { open, known, retired }, where open: true lets new labels appear at run time',
  },
)
