/**
 * Kafka in a configuration: the schema of a source, the schema of a sink, and the client's connection settings.
 * Settings that the client does not support are refused here, at the start, instead of by a consumer that never gets a
 * message.
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
  client_id: Type.Optional(text('name of this client in the brokers’ logs and quotas')),
  sasl: Type.Optional(
    Type.Object(
      {
        mechanism: Type.Enum(['plain', 'scram-sha-256', 'scram-sha-512']),
        username: text('name of the account'),
        password: Type.Optional(text('better in the environment: password_env')),
        password_env: Type.Optional(text('environment variable that holds the password')),
      },
      { additionalProperties: false, description: 'authentication; plain only together with tls' },
    ),
  ),
  tls: Type.Optional(
    Type.Union(
      [
        Type.Literal(true),
        Type.Object(
          {
            ca: Type.Optional(file('PEM file; absent = the authorities that Node trusts')),
            cert: Type.Optional(file('PEM file, if the brokers require a client certificate')),
            key: Type.Optional(file('PEM file of the key of cert, without a passphrase')),
          },
          { additionalProperties: false },
        ),
      ],
      { description: 'true, or the files of your own authority and certificate' },
    ),
  ),
}

/** For sources with content that may be replaced under the same name. */
export const onReset = (what: string) =>
  Type.Enum(['start', 'end', 'stop'], {
    default: 'start',
    description: `where to continue in ${what}; stop = not automatically`,
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
    topic: Type.Optional(text('the same, for a single topic')),
    group: Type.Optional(text('consumer group; absent = antikythera.<model>')),
    from: Type.Enum(['beginning', 'end'], {
      default: 'beginning',
      description: 'where a partition begins if no checkpoint has a position',
    }),
    on_lost: Type.Enum(['stop', 'skip'], {
      default: 'stop',
      description: 'if messages were removed from the topic before they were read',
    }),
    on_reset: onReset('a topic that was deleted and created again'),
  },
  { additionalProperties: false },
)

export const kafkaSinkSchema = Type.Object(
  { ...connection, topic: text('topic to write to; it must exist') },
  { additionalProperties: false },
)

export type KafkaSourceConfig = Frozen<Static<typeof kafkaSourceSchema>>
export type KafkaSinkConfig = Frozen<Static<typeof kafkaSinkSchema>>
type ConnectionConfig = Pick<KafkaSinkConfig, 'brokers' | 'client_id' | 'sasl' | 'tls'>

/** The connection settings that the source and the sinks of connectors/kafka receive. */
export function kafkaConnection({ brokers, client_id, sasl, tls }: ConnectionConfig) {
  return {
    brokers,
    clientId: client_id,
    // A section without problems has a password, given directly or by the environment.
    sasl: sasl && { ...sasl, password: sasl.password ?? '' },
    tls,
  }
}

/** All options of `kafkaSource` except its clock and its log. */
export function kafkaSourceFields(model: string, source: KafkaSourceConfig, limits: Limits) {
  const topics = topicsOf(source)
  return {
    ...kafkaConnection(source),
    // The key of its positions in the checkpoint: kind and place, so that the order in the config does not matter.
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

/** Small messages take more memory as objects than as bytes. */
const BUFFER_RECORDS = 10_000

/** Sorted: the name derived from them must not depend on their order. */
export function topicsOf({ topics, topic }: KafkaSourceConfig): readonly string[] {
  return [...(topics ?? []), ...(topic === undefined ? [] : [topic])].sort()
}

export function groupOf(model: string, { group }: KafkaSourceConfig): string {
  return group ?? `antikythera.${model}`
}
