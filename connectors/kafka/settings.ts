/** The settings of the Kafka connector, and what its client gets of them. */
import type { Settings, SettingsOf } from '../../src/contracts/core.ts'
import type { SourceNeeds } from '../../src/contracts/connector.ts'
import { onReset } from '../on-reset.ts'
import type { KafkaConnection } from './options.ts'

const text = (description: string) => ({ type: 'text', minLength: 1, description }) as const
const file = (description: string) => ({ type: 'path', description }) as const

const connection = {
  brokers: {
    type: 'list',
    of: { type: 'text', minLength: 1 },
    required: true,
    minItems: 1,
    uniqueItems: true,
    description: 'host:port, some of the cluster',
  },
  client_id: text('name of this client in the brokers’ logs and quotas'),
  sasl: {
    type: 'group',
    settings: {
      mechanism: {
        type: 'choice',
        options: ['plain', 'scram-sha-256', 'scram-sha-512'],
        required: true,
      },
      username: { ...text('name of the account'), required: true },
      password: text('better in the environment: password_env'),
      password_env: text('environment variable that holds the password'),
    },
    description: 'authentication; plain only together with tls',
  },
  tls: {
    type: 'either',
    of: [
      { type: 'constant', value: true },
      {
        type: 'group',
        settings: {
          ca: file('PEM file; absent = the authorities that Node trusts'),
          cert: file('PEM file, if the brokers require a client certificate'),
          key: file('PEM file of the key of cert, without a passphrase'),
        },
      },
    ],
    description: 'true, or the files of your own authority and certificate',
  },
} as const satisfies Settings

export const sourceSettings = {
  ...connection,
  topics: {
    type: 'list',
    of: { type: 'text', minLength: 1 },
    minItems: 1,
    uniqueItems: true,
    description: 'to read, by name',
  },
  topic: text('the same, for a single topic'),
  group: text('consumer group; absent = antikythera.<model>'),
  from: {
    type: 'choice',
    options: ['beginning', 'end'],
    default: 'beginning',
    description: 'where a partition begins if no checkpoint has a position',
  },
  on_lost: {
    type: 'choice',
    options: ['stop', 'skip'],
    default: 'stop',
    description: 'if messages were removed from the topic before they were read',
  },
  on_reset: onReset('a topic that was deleted and created again'),
} as const satisfies Settings

export const sinkSettings = {
  ...connection,
  topic: { ...text('topic to write to; it must exist'), required: true },
} as const satisfies Settings

export type KafkaSourceSettings = SettingsOf<typeof sourceSettings>
export type KafkaSinkSettings = SettingsOf<typeof sinkSettings>
export type KafkaConnectionSettings = SettingsOf<typeof connection>

/** The connection as the client takes it. */
export function kafkaConnection(settings: KafkaConnectionSettings): KafkaConnection {
  const { brokers, client_id: clientId, sasl, tls } = settings
  return {
    brokers,
    clientId,
    // A section without problems has a password, given directly or by the environment.
    sasl: sasl && { ...sasl, password: sasl.password ?? '' },
    tls,
  }
}

/** All options of `kafkaSource` except its clock, its log and its retries. */
export function kafkaSourceFields(
  model: string,
  source: KafkaSourceSettings,
  { eventBytes, messageBytes }: SourceNeeds['limits'],
) {
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
      eventBytes,
      batchBytes: messageBytes,
      bufferBytes: messageBytes,
      bufferRecords: BUFFER_RECORDS,
    },
  }
}

/** Small messages take more memory as objects than as bytes. */
const BUFFER_RECORDS = 10_000

/** Sorted: the name derived from them must not depend on their order. */
export function topicsOf({
  topics,
  topic,
}: Pick<KafkaSourceSettings, 'topics' | 'topic'>): readonly string[] {
  return [...(topics ?? []), ...(topic === undefined ? [] : [topic])].sort()
}

export function groupOf(model: string, { group }: Pick<KafkaSourceSettings, 'group'>): string {
  return group ?? `antikythera.${model}`
}
