/**
 * The choices of a config, as data. The schema, its types, the refusals and the documentation derive from these tables:
 * a new base, method or source is a row here, a new policy is a row of policies/index.ts.
 */
import { Type, type TProperties, type TSchema } from 'typebox'
import { policies } from '../../policies/index.ts'
import { featureSchema, unknownFeatures } from './features-schema.ts'
import { kafkaSinkSchema, kafkaSourceSchema, onReset } from './kafka.ts'

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

const tailLayers = (byDefault: number) =>
  Type.Union([Type.Integer({ minimum: 0, maximum: 1000 }), Type.Literal('all')], {
    default: byDefault,
    description: 'upper layers that the adapter may change; the others run once per example',
  })

const sites = (byDefault: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      uniqueItems: true,
      description: `roles of the maps to adapt, such as query and value; absent = ${byDefault}`,
    }),
  )

const rankBounds = { minimum: 1, maximum: 1024 }

const positions = Type.Integer({ minimum: 1, maximum: 100_000 })

/** For every method that adds A·B. */
const lowRank = {
  rank: Type.Integer({ ...rankBounds, default: 8, description: 'r of A·B' }),
  alpha: Type.Number({
    exclusiveMinimum: 0,
    default: 16,
    description: 'A·B is scaled by alpha / rank',
  }),
  rslora: Type.Optional(
    Type.Boolean({
      description: 'true: scale by alpha / √rank, with which high ranks learn as fast as low ones',
    }),
  ),
  dropout: Type.Optional(
    Type.Number({
      minimum: 0,
      exclusiveMaximum: 1,
      description: 'dropout rate of its inputs; absent = 0',
    }),
  ),
  ranks: Type.Optional(
    Type.Record(Type.String(), Type.Integer(rankBounds), {
      description: 'ranks by role where they differ from rank, such as { query: 4 }',
    }),
  ),
  tail_layers: tailLayers(2),
  sites: sites('every map'),
}

const depth = Type.Integer({
  minimum: 1,
  maximum: 1000,
  default: 2,
  description: 'for text: layers whose outputs form the embedding, uppermost first',
})

/** Settings of each `adapter.method`. */
export const methods = {
  lora: lowRank,
  dora: lowRank,
  ia3: { tail_layers: tailLayers(2), sites: sites('key, value and output') },
  bottleneck: {
    placement: Type.Enum(['houlsby', 'pfeiffer'], {
      default: 'houlsby',
      description:
        'houlsby: after attention and feed-forward layers; pfeiffer: after feed-forward layers only',
    }),
    rank: Type.Integer({
      minimum: 1,
      maximum: 1024,
      default: 16,
      description: 'width of the bottleneck',
    }),
    tail_layers: tailLayers(2),
  },
  loreft: {
    rank: Type.Integer({
      ...rankBounds,
      default: 4,
      description: 'dimensions of the edited subspace',
    }),
    tail_layers: tailLayers(2),
    layers: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 1000 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'layers of the tail to edit, the lowest of the network is 0; absent = all',
      }),
    ),
    positions: Type.Optional(
      Type.Object(
        { first: Type.Optional(positions), last: Type.Optional(positions) },
        {
          additionalProperties: false,
          description: 'how many positions to edit at the start and at the end; absent = all',
        },
      ),
    ),
  },
  bitfit: { tail_layers: tailLayers(2) },
  full: { tail_layers: tailLayers(1) },
  head: { tail_layers: tailLayers(0) },
  ncm: { tail_layers: tailLayers(0) },
  slda: {
    shrinkage: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 1e-4,
      description: 'ε of (1 − ε)·Σ + ε·I',
    }),
    depth,
    tail_layers: tailLayers(0),
  },
  ranpac: {
    features: Type.Integer({
      minimum: 16,
      maximum: 4096,
      default: 1024,
      description: 'number of random features; the cost of a version grows with its cube',
    }),
    ridge: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1e6,
      default: 3,
      description: 'λ, in mean squares of a feature',
    }),
    depth,
    tail_layers: tailLayers(0),
  },
} as const satisfies Readonly<Record<string, TProperties>>

/** Settings of each source, under its name. */
export const sources = {
  http: Type.Object({}, { additionalProperties: false }),
  file: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        format: 'path',
        description: 'JSONL, one event per line, followed as it grows',
      }),
      on_reset: onReset('a file that was truncated or replaced'),
    },
    { additionalProperties: false },
  ),
  kafka: kafkaSourceSchema,
  redis: Type.Object(
    {
      stream: Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'key of a Redis stream, in the Redis of the redis section',
      }),
      from: Type.Enum(['beginning', 'end'], {
        default: 'beginning',
        description: 'where reading begins if no checkpoint has a position',
      }),
    },
    { additionalProperties: false },
  ),
} as const satisfies Readonly<Record<string, TSchema>>

/** Settings of each sink of dead letters, under its name. */
export const deadLetterSinks = {
  file: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        format: 'path',
        description: 'JSONL, one dead letter per line; at file_bytes it becomes path.1',
      }),
      file_bytes: Type.Integer({
        minimum: 4096,
        maximum: 2 ** 40,
        default: 64 * 1024 * 1024,
        description: 'size at which a new file begins; one full file is kept',
      }),
    },
    { additionalProperties: false },
  ),
  kafka: kafkaSinkSchema,
} as const satisfies Readonly<Record<string, TSchema>>

/** Settings of each sink of predictions, under its name. */
export const predictionSinks = {
  kafka: kafkaSinkSchema,
} as const satisfies Readonly<Record<string, TSchema>>

/** The policy of each kind when the config names none. */
export const defaultPolicies = {
  replay: 'reservoir',
  regularizer: 'none',
  memory: 'none',
  trigger: 'count',
  rate: 'drift-reset',
  promotion: 'always',
  rollback: 'never',
} as const satisfies { readonly [Kind in keyof typeof policies]: keyof (typeof policies)[Kind] }

export { policies }
