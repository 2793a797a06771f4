/**
 * Kafka in a configuration: the row of a source, the row of a sink, and what the client of the connector needs of them.
 * What the client cannot do is refused here, at the start, and not by a consumer that never gets a message.
 */
import { Type, type Static } from 'typebox'
import type { Frozen } from './parts.ts'
import type { Limits } from '../platform/limits.ts'

const text = (description: string) => Type.String({ minLength: 1, description })
const file = (description: string) => Type.String({ minLength: 1, format: 'path', description })

const connection = {
  brokers: Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    uniqueItems: true,
    description: 'host:port, some of the cluster',
  }),
  client_id: Type.Optional(text('what the logs and quotas of the brokers call this client')),
  sasl: Type.Optional(
    Type.Object(
      {
        mechanism: Type.Enum(['plain', 'scram-sha-256', 'scram-sha-512']),
        username: text('of the account'),
        password: Type.Optional(text('better in the environment')),
        password_env: Type.Optional(text('environment variable that holds the password')),
      },
      { additionalProperties: false, description: 'who we are; plain only together with tls' },
    ),
  ),
  tls: Type.Optional(
    Type.Union(
      [
        Type.Literal(true),
        Type.Object(
          {
            ca: Type.Optional(file('PEM; absent = what Node trusts')),
            cert: Type.Optional(file('PEM, where the brokers ask for one')),
            key: Type.Optional(file('PEM, of cert, without a passphrase')),
          },
          { additionalProperties: false },
        ),
      ],
      { description: 'true, or the files of an authority and a certificate of one’s own' },
    ),
  ),
}

/** For sources whose content may be replaced under its name. */
export const onReset = (what: string) =>
  Type.Enum(['start', 'end', 'stop'], {
    default: 'start',
    description: `where to go on in ${what}; stop = not by itself`,
  })

export const kafkaSourceSchema = Type.Object(
  {
    ...connection,
    topics: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'to read, by name',
      }),
    ),
    topic: Type.Optional(text('the same, for one')),
    group: Type.Optional(text('consumer group; absent = antikythera.<model>')),
    from: Type.Enum(['beginning', 'end'], {
      default: 'beginning',
      description: 'where a partition begins that no checkpoint knows of',
    }),
    on_lost: Type.Enum(['stop', 'skip'], {
      default: 'stop',
      description: 'when messages that were never read are gone from the topic',
    }),
    on_reset: onReset('a topic that was deleted and created again'),
  },
  { additionalProperties: false },
)

export const kafkaSinkSchema = Type.Object(
  { ...connection, topic: text('to write to; it must exist') },
  { additionalProperties: false },
)

export type KafkaSourceConfig = Frozen<Static<typeof kafkaSourceSchema>>
export type KafkaSinkConfig = Frozen<Static<typeof kafkaSinkSchema>>
type ConnectionConfig = Pick<KafkaSinkConfig, 'brokers' | 'client_id' | 'sasl' | 'tls'>

/** How the source and the sinks of connectors/kafka are told of the brokers. */
export function kafkaConnection({ brokers, client_id, sasl, tls }: ConnectionConfig) {
  return {
    brokers,
    clientId: client_id,
    // A section without problems has a password, of its own or of the environment.
    sasl: sasl && { ...sasl, password: sasl.password ?? '' },
    tls,
  }
}

/** All of `kafkaSource`'s options but its clock and its log. */
export function kafkaSourceFields(model: string, source: KafkaSourceConfig, limits: Limits) {
  const topics = topicsOf(source)
  return {
    ...kafkaConnection(source),
    // The key of its positions in the checkpoint: kind and place, so that the order in the config is free.
    name: `kafka:${topics.join('+')}`,
    topics,
    group: groupOf(model, source),
    from: source.from,
    onLost: source.on_lost,
    onReset: source.on_reset,
    limits: {
      eventBytes: limits.event_bytes,
      batchBytes: limits.message_bytes,
      bufferBytes: limits.message_bytes,
      bufferRecords: BUFFER_RECORDS,
    },
  }
}

/** Small messages cost more as objects than as bytes. */
const BUFFER_RECORDS = 10_000

/** Sorted: the name made of them must not change with their order. */
export function topicsOf({ topics, topic }: KafkaSourceConfig): readonly string[] {
  return [...(topics ?? []), ...(topic === undefined ? [] : [topic])].sort()
}

export function groupOf(model: string, { group }: KafkaSourceConfig): string {
  return group ?? `antikythera.${model}`
}
