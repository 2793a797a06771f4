/** Who may use the HTTP endpoint, and how fast. */
import { Type } from 'typebox'
import { roles } from '../../platform/access/keys.ts'

const rate = Type.Object(
  {
    per_second: Type.Number({ exclusiveMinimum: 0, maximum: 1e6, description: 'on average' }),
    burst: Type.Integer({
      minimum: 1,
      maximum: 1e6,
      description: 'what may come at once after a pause',
    }),
  },
  { additionalProperties: false },
)

const key = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
      description: 'in logs, in the audit log and in the history',
    }),
    roles: Type.Array(Type.Enum([...roles]), {
      minItems: 1,
      uniqueItems: true,
      description:
        'what it may do: predict, feedback, operate (move versions, steer learning; includes read), read',
    }),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      form: 'the 64 hexadecimal digits of a SHA-256',
      description: 'of the key; antikythera keys new prints it',
    }),
    sources: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'event sources that its feedback may name; absent = all',
      }),
    ),
    rate: Type.Optional(
      Type.Object(rate.properties, {
        additionalProperties: false,
        description: 'its requests, instead of server.rate_limits.key',
      }),
    ),
  },
  { additionalProperties: false },
)

export const auth = Type.Object(
  {
    tokens: Type.Array(Type.String({ minLength: 16 }), {
      default: [],
      description: 'each of them opens every route',
    }),
    token_env: Type.Optional(
      Type.String({ minLength: 1, description: 'environment variable that holds one more token' }),
    ),
    keys: Type.Array(key, {
      default: [],
      maxItems: 1000,
      description: 'keys with roles, known by their hashes',
    }),
  },
  {
    additionalProperties: false,
    description: 'bearer tokens and keys; required on any address but loopback',
  },
)

export const rateLimits = Type.Object(
  {
    key: Type.Optional(
      Type.Object(rate.properties, {
        additionalProperties: false,
        description: 'requests of each key and token; without auth, of all callers together',
      }),
    ),
    source: Type.Optional(
      Type.Object(rate.properties, {
        additionalProperties: false,
        description: 'events that each event source sends over HTTP, to all models together',
      }),
    ),
    sources: Type.Record(Type.String({ pattern: '^.{1,256}$' }), rate, {
      default: {},
      description: 'event sources with a rate of their own',
    }),
  },
  {
    additionalProperties: false,
    description: 'absent = no limit; more is answered with 429 and Retry-After',
  },
)
