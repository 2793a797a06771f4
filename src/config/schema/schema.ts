/**
 * The schema of a configuration. The types in code, the JSON Schema for editors, the defaults and every refusal derive
 * from it. Every key has a default except `models` and each model's `labels`.
 */
import { Type, type Static } from 'typebox'
import { fleetSchema, redisSchema } from '../fleet.ts'
import { innerLimits, limitTable, type Limits } from '../../platform/limits.ts'
import type { Json } from '../../contracts/core.ts'
import { auth, rateLimits } from './access.ts'
import { modelSchemaOf } from './model-schema.ts'
import { builtIn, type PluginTable } from './plugin-table.ts'
import { surfacesOf } from './choices.ts'
import { section, type Frozen } from './parts.ts'
import { isRecord } from './shape.ts'

const name = { pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' }

const origin = 'an origin such as https://labels.example.com, or "*"'

const hostName = {
  pattern: '^([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])$',
  form: 'a name without a port',
}

const cors = Type.Object(
  {
    origins: Type.Array(Type.String({ pattern: '^(\\*|https?://[^/\\s*]+)$', form: origin }), {
      minItems: 1,
      description:
        'such as https://labels.example.com, without a path; "*" = every page, requires auth',
    }),
    max_age_seconds: Type.Integer({
      minimum: 0,
      maximum: 86_400,
      default: 600,
      description: 'how long a browser caches the answer to a preflight',
    }),
  },
  { additionalProperties: false, description: 'web pages that may call the API from a browser' },
)

const serverOf = ({ surfaces }: PluginTable) =>
  section(
    {
      surfaces: surfacesOf(surfaces),
      host: Type.String({ minLength: 1, default: '127.0.0.1' }),
      port: Type.Integer({
        minimum: 0,
        maximum: 65_535,
        default: 8080,
        description: '0 = any free port',
      }),
      auth: Type.Optional(auth),
      rate_limits: Type.Optional(rateLimits),
      hosts: Type.Array(Type.String(hostName), {
        default: [],
        description:
          'host names that requests may use besides localhost; without auth all others are refused, with auth only if this list is not empty',
      }),
      cors: Type.Optional(cors),
      workers: Type.Integer({
        minimum: 1,
        maximum: 64,
        default: 1,
        description:
          'engine threads per base; of a language model, the threads of each step of its texts',
      }),
      batch_rows: Type.Integer({
        minimum: 1,
        maximum: 256,
        default: 8,
        description: 'rows per engine run',
      }),
      batch_wait_ms: Type.Integer({
        minimum: 1,
        maximum: 60_000,
        default: 10_000,
        description: 'longest time that a row waits for others to fill a batch',
      }),
    },
    'the HTTP endpoint',
  )

const limits = Type.Object(
  Object.fromEntries(
    Object.entries(limitTable).map(([name, { default: byDefault, least, most, reason }]) => [
      name,
      Type.Integer({ minimum: least, maximum: most, default: byDefault, description: reason }),
    ]),
  ) as { [Name in keyof typeof limitTable]: ReturnType<typeof Type.Integer> },
  {
    additionalProperties: false,
    hints: innerLimits,
    default: {},
    description: 'limits that protect memory, disk and time',
  },
)

export const pluginPaths = Type.Array(Type.String({ minLength: 1, format: 'path' }), {
  uniqueItems: true,
  maxItems: 100,
  default: [],
  description: 'modules with your own plug-ins, such as sources, policies, bases and tasks',
})

export function configSchemaOf(plugins: PluginTable) {
  return Type.Object(
    {
      data_dir: Type.String({ minLength: 1, format: 'path', default: './data' }),
      seed: Type.Union([Type.Integer(), Type.String({ minLength: 1 })], {
        default: 0,
        description: 'seed of every random stream',
      }),
      role: Type.Enum(['all', 'trainer', 'server'], {
        default: 'all',
        description: 'server answers and does not train; trainer trains and does not answer',
      }),
      replica: Type.Optional(
        Type.String({
          ...name,
          description:
            'name of this daemon in its fleet; absent = a generated name that is kept in data_dir',
        }),
      ),
      server: serverOf(plugins),
      trainer: section(
        {
          threads: Type.Integer({
            minimum: 1,
            maximum: 256,
            default: 1,
            description: 'threads of TensorFlow; more leave fewer for serving',
          }),
          compiled: Type.Enum(['auto', 'on', 'off'], {
            default: 'auto',
            description:
              'training steps as one recorded graph instead of kernel by kernel; auto = where that is possible, on = refuse to train a model otherwise, off = the last digits of releases before it',
          }),
          latents: Type.Enum(['f32', 'f16'], {
            default: 'f32',
            description:
              'activations that are kept for replay; f16 = half of the memory, rounded to 11 bits, also where they are learned from for the first time',
          }),
        },
        'the trainer process',
      ),
      log: section(
        {
          level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
          format: Type.Enum(['auto', 'json', 'pretty'], { default: 'auto' }),
        },
        'to stderr',
      ),
      telemetry: section(
        {
          otlp: Type.Optional(
            Type.String({
              pattern: '^https?://[^\\s]+$',
              form: 'a URL such as http://127.0.0.1:4318',
              description:
                'OpenTelemetry collector that gets spans of requests, updates and swaps, such as http://127.0.0.1:4318; OTEL_EXPORTER_OTLP_ENDPOINT overrides it; absent = no traces',
            }),
          ),
        },
        'traces',
      ),
      plugins: pluginPaths,
      redis: Type.Optional(redisSchema),
      fleet: fleetSchema,
      limits,
      models: Type.Record(Type.String(name), modelSchemaOf(plugins), {
        additionalProperties: false,
        minProperties: 1,
        description: 'served name → model',
      }),
    },
    { additionalProperties: false, title: 'Antikythera configuration' },
  )
}

/** The schema with the built-in plug-ins. */
export const configSchema = configSchemaOf(builtIn)

type WrittenConfig = Frozen<Static<typeof configSchema>>
/** A settled configuration, with the limits that follow from those that are written. */
export type Config = Omit<WrittenConfig, 'limits'> & { readonly limits: Limits }
export type ModelConfig = Frozen<Static<ReturnType<typeof modelSchemaOf>>>

/**
 * The schema for editors: keys with a default are optional. Internally every key is required, because settling has
 * filled in the defaults by then.
 */
export function configJsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(forWriters(JSON.parse(JSON.stringify(configSchema))) as Readonly<Record<string, Json>>),
  }
}

function forWriters(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forWriters)
  if (!isRecord(schema)) return schema
  const { required, choice, hints, form, ...rest } = schema
  const entries = Object.entries(rest).map(([key, value]) => [
    key,
    key === 'default' ? value : forWriters(value),
  ])
  const copy = Object.fromEntries(entries) as Readonly<Record<string, unknown>>
  return Array.isArray(required)
    ? { ...copy, required: required.filter((key) => isNeeded(schema, key)) }
    : copy
}

function isNeeded({ properties }: Readonly<Record<string, unknown>>, key: unknown): boolean {
  const property = isRecord(properties) ? properties[String(key)] : undefined
  return !(isRecord(property) && 'default' in property)
}
