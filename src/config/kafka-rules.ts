/**
 * Rules for Kafka that concern more than one key: addresses and names that the client cannot use, groups shared by two
 * sources, and models that would read their own output.
 */
import { groupOf, topicsOf, type KafkaSinkConfig, type KafkaSourceConfig } from './kafka.ts'
import type { Path, Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema.ts'

export function kafkaProblems(config: Config): readonly Problem[] {
  const readers = readersOf(config)
  return [
    ...readers.flatMap((reader) => sourceFaults(reader)),
    ...readers.flatMap((reader, index) => sharingFaults(reader, readers.slice(0, index))),
    ...Object.entries(config.models).flatMap(([model, { sinks }]) =>
      Object.entries(sinks).flatMap(([kind, sink]) => {
        if (!('kafka' in sink)) return []
        const path = ['models', model, 'sinks', kind, 'kafka']
        return sinkFaults(
          sink.kafka,
          path,
          readers.filter((reader) => reader.model === model),
        )
      }),
    ),
  ]
}

interface Reader {
  readonly model: string
  readonly path: Path
  readonly source: KafkaSourceConfig
}

function readersOf(config: Config): readonly Reader[] {
  return Object.entries(config.models).flatMap(([model, { sources }]: [string, ModelConfig]) =>
    sources.flatMap((source, index) =>
      'kafka' in source
        ? [{ model, path: ['models', model, 'sources', index, 'kafka'], source: source.kafka }]
        : [],
    ),
  )
}

function sourceFaults({ path, source }: Reader): readonly Problem[] {
  const { topics = [], topic } = source
  const isOne = (source.topics === undefined) !== (topic === undefined)
  return [
    ...connectionFaults(source, path),
    ...(isOne ? [] : [wrong(path, 'needs one of topics and topic')]),
    ...topics.flatMap((each, index) => topicFaults(each, [...path, 'topics', index])),
    ...(topic === undefined ? [] : topicFaults(topic, [...path, 'topic'])),
  ]
}

function sinkFaults(
  sink: KafkaSinkConfig,
  path: Path,
  readers: readonly Reader[],
): readonly Problem[] {
  const isRead = readers.some(
    ({ source }) => isSameCluster(source, sink) && topicsOf(source).includes(sink.topic),
  )
  return [
    ...connectionFaults(sink, path),
    ...topicFaults(sink.topic, [...path, 'topic']),
    ...(isRead
      ? [wrong([...path, 'topic'], 'is read by the same model; write to another topic')]
      : []),
  ]
}

/** A group assigns partitions without regard to the topics that a member wants, and positions are stored by topic. */
function sharingFaults(
  { model, path, source }: Reader,
  others: readonly Reader[],
): readonly Problem[] {
  const group = groupOf(model, source)
  const isShared = others.some(
    (other) => isSameCluster(other.source, source) && groupOf(other.model, other.source) === group,
  )
  if (isShared) {
    const fix = 'use a separate group, or put all topics in one source'
    return [wrong([...path, 'group'], `is ${group}, in which another source also reads; ${fix}`)]
  }
  const isTwice = others.some(
    (other) => other.model === model && topicsOf(other.source).join() === topicsOf(source).join(),
  )
  const message = 'has the topics of another source of this model; use a second model to read it'
  return isTwice ? [wrong(path, message)] : []
}

function isSameCluster(
  { brokers }: { readonly brokers: readonly string[] },
  other: { readonly brokers: readonly string[] },
): boolean {
  return brokers.some((broker) => other.brokers.includes(broker))
}

function connectionFaults(
  { brokers, sasl, tls }: Pick<KafkaSinkConfig, 'brokers' | 'sasl' | 'tls'>,
  path: Path,
): readonly Problem[] {
  const files = tls === true ? undefined : tls
  return [
    ...brokers.flatMap((broker, index) => {
      const fault = brokerFault(broker)
      return fault === undefined ? [] : [wrong([...path, 'brokers', index], fault)]
    }),
    ...(sasl === undefined || sasl.password !== undefined || sasl.password_env !== undefined
      ? []
      : [wrong([...path, 'sasl'], 'needs password_env or password')]),
    ...((files?.cert === undefined) === (files?.key === undefined)
      ? []
      : [wrong([...path, 'tls'], 'needs cert and key together')]),
  ]
}

function brokerFault(broker: string): string | undefined {
  // The client splits an address at its first colon.
  if (/^\[|:.*:/.test(broker)) return 'is not host:port; for an IPv6 address use its host name'
  const [, port] = /^[^\s:/@]+:(\d{1,5})$/.exec(broker) ?? []
  return Number(port) > 0 && Number(port) < 65_536 ? undefined : 'must be host:port'
}

function topicFaults(topic: string, path: Path): readonly Problem[] {
  if (/^[A-Za-z0-9._-]{1,249}$/.test(topic) && !/^\.\.?$/.test(topic)) return []
  const message =
    'is not a valid topic name (letters, digits, ".", "_" and "-"); patterns are not supported, list each topic'
  return [wrong(path, message)]
}

function wrong(path: Path, message: string): Problem {
  return { path, at: 'value', message }
}
