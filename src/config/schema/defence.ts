/** The section of a model that protects it from poisoned feedback. */
import { Type } from 'typebox'
import { section } from './parts.ts'

const secret = { minLength: 16, maxLength: 1024 }

export interface SignedSource {
  readonly secret?: string
  readonly secret_env?: string
  readonly old_secret?: string
  readonly old_secret_env?: string
  readonly tolerance_seconds: number
}

const signedSource = Type.Object(
  {
    secret: Type.Optional(
      Type.String({ ...secret, description: 'whsec_ and base64, or any other text' }),
    ),
    secret_env: Type.Optional(
      Type.String({ minLength: 1, description: 'environment variable that holds it' }),
    ),
    old_secret: Type.Optional(
      Type.String({ ...secret, description: 'accepted too, while senders change' }),
    ),
    old_secret_env: Type.Optional(Type.String({ minLength: 1 })),
    tolerance_seconds: Type.Integer({
      minimum: 1,
      maximum: 604_800,
      default: 300,
      description: 'how far the signed time may be from that of receipt',
    }),
  },
  { additionalProperties: false },
)

export const defenceSchema = section(
  {
    enabled: Type.Boolean({
      default: false,
      description:
        'shares of sources, trust in them, and a quarantine for labels that model and other examples contradict',
    }),
    max_share: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.1,
      description:
        'largest part of what is learned that one source may give, once from_sources were seen or where some are trusted; the rest waits',
    }),
    from_sources: Type.Integer({
      minimum: 2,
      maximum: 100_000,
      default: 5,
      description: 'number of recent sources from which max_share counts',
    }),
    trusted: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      uniqueItems: true,
      default: [],
      description:
        'sources that a person has reviewed: never capped; where there are any, they say what is right',
    }),
    unreviewed_daily: Type.Optional(
      Type.Integer({
        minimum: 0,
        description:
          'events a day that all sources together that are not trusted may teach; absent = no cap',
      }),
    ),
    max_weight: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1000,
      default: 1,
      description: 'largest weight of an event from a source that is not trusted',
    }),
    max_update: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1000,
      default: 0.5,
      description:
        'how far one version may move the weights, as a part of their length; an update that goes further is scaled back',
    }),
    quarantine: Type.Boolean({
      default: true,
      description: 'false: only shares, daily cap and weights',
    }),
    sources: Type.Optional(
      Type.Unsafe<Readonly<Record<string, SignedSource>>>(
        Type.Record(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]{1,256}$' }), signedSource, {
          description: 'sources that must sign their events, as in Standard Webhooks',
        }),
      ),
    ),
  },
  'what protects a model from poisoned feedback',
)
