/**
 * Rules for Kafka that concern more than one key: addresses and names that the client cannot use, groups shared by two
 * sources, and models that would read their own output.
 */
import type { ConnectorUse, UseFault } from '../../src/contracts/connector.ts'
import {
  groupOf,
  topicsOf,
  type KafkaConnectionSettings,
  type KafkaSinkSettings,
  type KafkaSourceSettings,
} from './settings.ts'

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
