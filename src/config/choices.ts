/**
 * The choices of a config, as data. The schema, its types, the refusals and the documentation derive from these tables:
 * a new base, method or source is a row here, a new policy is a row of policies/index.ts.
 */
import { Type, type TSchema } from 'typebox'
import { featureSchema, unknownFeatures } from './features-schema.ts'

const leftOpen = 'absent = if no adapter is chosen and numbers are standardised'

/** Written as `name` alone if the entry is null, as `{ name: settings }` otherwise. */
export const bases = {
  'use-lite': null,
  minilm: null,
  pulled: Type.String({
    pattern: '^[A-Za-z0-9][\\w.-]*/[A-Za-z0-9][\\w.-]*$',
    description: 'owner/name, downloaded with `antikythera models pull owner/name`',
  }),
  bert: Type.String({ minLength: 1, format: 'path', description: 'folder in Hugging Face layout' }),
  features: Type.Object(
    {
      size: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 65_536,
          description:
            'length of the vector, with categories already encoded as columns; or give a schema',
        }),
      ),
      schema: Type.Optional(featureSchema),
      unknown: Type.Optional(unknownFeatures),
      names: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
          uniqueItems: true,
          maxItems: 4096,
          description:
            'inputs are objects: these are their numbers, in this order; all other keys are hashed into the rest of size',
        }),
      ),
      hidden: Type.Optional(
        Type.Array(Type.Integer({ minimum: 1, maximum: 4096 }), {
          maxItems: 8,
          description: `widths of the hidden layers, which the adapter trains; ${leftOpen} [64], else none (a linear model)`,
        }),
      ),
      shortcut: Type.Optional(
        Type.Boolean({
          description:
            'false: the head reads only the last hidden layer, without the inputs beside it; absent = true',
        }),
      ),
      standardise: Type.Optional(
        Type.Boolean({
          description:
            'false leaves numbers unchanged, which suits embeddings from elsewhere and closed forms; absent = true',
        }),
      ),
      bins: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 64,
          description: `also encode each number in this many pieces, so that a linear map of them can bend; ${leftOpen} 3, else 0`,
        }),
      ),
      window: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 1_000_000,
          description: `also give the head each number relative to about this many earlier events; ${leftOpen} 30, else 0: off`,
        }),
      ),
    },
    { additionalProperties: false },
  ),
} as const satisfies Readonly<Record<string, TSchema | null>>
