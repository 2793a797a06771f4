/**
 * The configurations of `up`: a default model or those of a user's file, with the broker and the Redis of this machine.
 */
import type { Config } from '../../config/config.ts'
import { writtenLimits } from '../../platform/limits.ts'
import { asNamed } from '../../config/secrets.ts'

export interface UpPlaces {
  /** For all replicas; each has a folder below it. */
  readonly folder: string
  /** Port of the first replica; the others follow. 0 = any free port for each. */
  readonly port: number
  readonly redisUrl: string
  /** Absent: no broker, and no source that would need one. */
  readonly brokers?: readonly string[] | undefined
}

export const upTopic = 'feedback'

type Models = Readonly<
  Record<
    string,
    {
      readonly sources: readonly object[]
      readonly sinks?: Readonly<Record<string, object>>
    }
  >
>

const ownModels: Models = {
  sentiment: {
    ...{ base: 'use-lite', labels: ['negative', 'positive'] },
    sources: [{ http: {} }, { kafka: { topics: [upTopic] } }],
  },
}

const OWN_EVENT = '{"input":"what a lovely phone","label":"positive"}'

/**
 * The config of the replica with this number. `given`: a user's own configuration, in which the addresses are replaced.
 * `port`: its own, where it differs from the planned one.
 */
export function upConfig(
  number: number,
  places: UpPlaces,
  given?: Config,
  port = replicaPort(number, places),
): object {
  const { folder, redisUrl } = places
  const replica = `replica-${number}`
  // Secrets of the file are useless on loopback, and must not be copied into another file.
  const { auth: _, ...server } = given?.server ?? {}
  return asNamed({
    ...given,
    ...(given && { limits: writtenLimits(given.limits) }),
    data_dir: `${folder}/${replica}`,
    replica,
    server: { ...server, host: '127.0.0.1', port },
    redis: { url: redisUrl },
    log: { ...given?.log, format: 'pretty' },
    models: onBroker(given?.models ?? ownModels, places),
  })
}

export function replicaPort(number: number, { port }: Pick<UpPlaces, 'port'>): number {
  return port === 0 ? 0 : port + number - 1
}

function onBroker(models: Models, { brokers }: UpPlaces): Models {
  const moved = Object.entries(models).map(([name, model]) => {
    const sources = model.sources.flatMap((source) => onOurs(source, brokers))
    const sinks = Object.entries(model.sinks ?? {}).flatMap(([kind, sink]) =>
      onOurs(sink, brokers).map((ours) => [kind, ours]),
    )
    const all = sources.length > 0 ? sources : [{ http: {} }]
    return [name, { ...model, sources: all, sinks: Object.fromEntries(sinks) as object }]
  })
  return Object.fromEntries(moved) as Models
}

/** A source or sink of another kind stays as it is. */
function onOurs(part: object, brokers: UpPlaces['brokers']): readonly object[] {
  if (!isKafka(part)) return [part]
  if (brokers === undefined) return []
  const { sasl: _, tls: __, ...kafka } = part.kafka
  return [{ kafka: { ...kafka, brokers } }]
}

/** The topics that each model reads, with a command that sends an event to it. */
export function topicReaders(
  places: UpPlaces,
  given?: Config,
): readonly { readonly topic: string; readonly model: string; readonly command: string }[] {
  const { brokers = [] } = places
  return Object.entries(onBroker(given?.models ?? ownModels, places)).flatMap(
    ([model, { sources }]) =>
      topicsOf({ models: { [model]: { sources } } }).map((topic) => {
        const send = `npx antikythera feedback ${model} --kafka ${brokers.join(',')} --topic ${topic} --file`
        const command =
          given === undefined ? `echo '${OWN_EVENT}' | ${send} -` : `${send} rows.jsonl`
        return { topic, model, command }
      }),
  )
}

/** Every topic that a source reads or a sink writes. */
export function topicsOf(config: object): readonly string[] {
  const { models } = config as { readonly models: Models }
  const parts = Object.values(models).flatMap(({ sources, sinks = {} }) => [
    ...sources,
    ...Object.values(sinks),
  ])
  const topics = parts
    .filter(isKafka)
    .flatMap(({ kafka: { topics = [], topic } }) => [topics, topic ?? []])
  return [...new Set(topics.flat())]
}

interface KafkaPart {
  readonly topics?: readonly string[]
  readonly topic?: string
  readonly sasl?: unknown
  readonly tls?: unknown
}

function isKafka(part: object): part is { readonly kafka: KafkaPart } {
  return 'kafka' in part
}
