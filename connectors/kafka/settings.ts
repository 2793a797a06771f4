/** The settings of the Kafka connector, and what its client gets of them. */
import type { Settings, SettingsOf } from '../../src/contracts/core.ts'
import type { SourceNeeds, ConnectorUse, UseFault } from '../../src/contracts/connector.ts'
import { onReset } from '../resets.ts'

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
type KafkaConnectionSettings = SettingsOf<typeof connection>

/** The connection as the client takes it, for the source and both sinks. */
export interface KafkaConnection extends Pick<KafkaConnectionSettings, 'brokers' | 'tls'> {
  readonly clientId?: string | undefined
  readonly sasl?: KafkaSasl | undefined
}

export type KafkaSasl = Omit<PresentSetting<'sasl'>, 'password' | 'password_env'> & {
  readonly password: string
}

/** The files of an own authority and certificate. */
export type KafkaTls = Exclude<PresentSetting<'tls'>, true>

type PresentSetting<Key extends keyof KafkaConnectionSettings> = NonNullable<
  KafkaConnectionSettings[Key]
>

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

function groupOf(model: string, { group }: Pick<KafkaSourceSettings, 'group'>): string {
  return group ?? `antikythera.${model}`
}

/**
 * Rules for Kafka that concern more than one key: addresses and names that the client cannot use, groups shared by two
 * sources, and models that would read their own output.
 */
type Path = UseFault['path']
type Fault = Omit<UseFault, 'use'>

interface Reader {
  readonly use: ConnectorUse
  readonly source: KafkaSourceSettings
}

export function kafkaFaults(uses: readonly ConnectorUse[]): readonly UseFault[] {
  const readers = uses
    .filter((use) => use.as === 'source')
    // The config's schema is made from the table of this plug-in.
    .map((use): Reader => ({ use, source: use.settings as unknown as KafkaSourceSettings }))
  const sinks = uses.filter((use) => use.as !== 'source')
  return [
    ...readers.flatMap(({ use, source }) => of(use, sourceFaults(source))),
    ...readers.flatMap((reader, index) =>
      of(reader.use, sharingFaults(reader, readers.slice(0, index))),
    ),
    ...sinks.flatMap((use) => {
      const own = readers.filter((reader) => reader.use.model === use.model)
      return of(use, sinkFaults(use.settings as unknown as KafkaSinkSettings, own))
    }),
  ]
}

function of(use: ConnectorUse, faults: readonly Fault[]): readonly UseFault[] {
  return faults.map((fault) => ({ use, ...fault }))
}

function sourceFaults(source: KafkaSourceSettings): readonly Fault[] {
  const { topics = [], topic } = source
  const isOne = (source.topics === undefined) !== (topic === undefined)
  return [
    ...connectionFaults(source),
    ...(isOne ? [] : [wrong([], 'needs one of topics and topic')]),
    ...topics.flatMap((each, index) => topicFaults(each, ['topics', index])),
    ...(topic === undefined ? [] : topicFaults(topic, ['topic'])),
  ]
}

function sinkFaults(sink: KafkaSinkSettings, readers: readonly Reader[]): readonly Fault[] {
  const isRead = readers.some(
    ({ source }) => isSameCluster(source, sink) && topicsOf(source).includes(sink.topic),
  )
  return [
    ...connectionFaults(sink),
    ...topicFaults(sink.topic, ['topic']),
    ...(isRead ? [wrong(['topic'], 'is read by the same model; write to another topic')] : []),
  ]
}

/** A group assigns partitions without regard to the topics that a member wants, and positions are stored by topic. */
function sharingFaults(
  { use: { model }, source }: Reader,
  others: readonly Reader[],
): readonly Fault[] {
  const group = groupOf(model, source)
  const isShared = others.some(
    (other) =>
      isSameCluster(other.source, source) && groupOf(other.use.model, other.source) === group,
  )
  if (isShared) {
    const fix = 'use a separate group, or put all topics in one source'
    return [wrong(['group'], `is ${group}, in which another source also reads; ${fix}`)]
  }
  const isTwice = others.some(
    (other) =>
      other.use.model === model && topicsOf(other.source).join() === topicsOf(source).join(),
  )
  const message = 'has the topics of another source of this model; use a second model to read it'
  return isTwice ? [wrong([], message)] : []
}

function isSameCluster(
  { brokers }: { readonly brokers: readonly string[] },
  other: { readonly brokers: readonly string[] },
): boolean {
  return brokers.some((broker) => other.brokers.includes(broker))
}

function connectionFaults({
  brokers,
  sasl,
  tls,
}: Pick<KafkaConnectionSettings, 'brokers' | 'sasl' | 'tls'>): readonly Fault[] {
  const files = tls === true ? undefined : tls
  return [
    ...brokers.flatMap((broker, index) => {
      const fault = brokerFault(broker)
      return fault === undefined ? [] : [wrong(['brokers', index], fault)]
    }),
    ...(sasl === undefined || sasl.password !== undefined || sasl.password_env !== undefined
      ? []
      : [wrong(['sasl'], 'needs password_env or password')]),
    ...((files?.cert === undefined) === (files?.key === undefined)
      ? []
      : [wrong(['tls'], 'needs cert and key together')]),
  ]
}

function brokerFault(broker: string): string | undefined {
  // The client splits an address at its first colon.
  if (/^\[|:.*:/.test(broker)) return 'is not host:port; for an IPv6 address use its host name'
  const [, port] = /^[^\s:/@]+:(\d{1,5})$/.exec(broker) ?? []
  return Number(port) > 0 && Number(port) < 65_536 ? undefined : 'must be host:port'
}

function topicFaults(topic: string, path: Path): readonly Fault[] {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(topic) && !/^\.\.?$/.test(topic)) return []
  const message =
    'is not a valid topic name (letters, digits, ".", "_" and "-"); patterns are not supported, list each topic'
  return [wrong(path, message)]
}

function wrong(path: Path, message: string): Fault {
  return { path, message }
}
