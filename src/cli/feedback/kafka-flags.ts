/**
 * The destination and credentials of `feedback --kafka`: from its flags, or from the Kafka source of a model of a
 * configuration.
 */
import {
  kafkaConnection,
  topicsOf,
  type KafkaConnection,
  type KafkaSasl,
  type KafkaSourceSettings,
  type KafkaTls,
} from '../../../connectors/kafka/settings.ts'
import { failure } from '../../platform/errors.ts'
import type { FeedbackFlags } from './feedback-flags.ts'
import { readConfig } from '../read-config.ts'

export interface KafkaFlags extends FeedbackFlags {
  readonly file: string
  readonly kafka?: string
  readonly topic?: string
  readonly key: 'id' | 'model'
  readonly config?: string
  readonly sasl?: KafkaSasl['mechanism']
  readonly user?: string
  readonly passwordEnv?: string
  readonly tls?: boolean
  readonly tlsCa?: string
}

export interface KafkaPlace {
  readonly connection: KafkaConnection
  readonly topic: string
}

/** Flags override the configuration. */
export function kafkaPlace(flags: KafkaFlags): KafkaPlace {
  const told = flags.config === undefined ? undefined : sourceOf(flags, flags.config)
  const brokers = flags.kafka?.split(',').filter((broker) => broker !== '') ?? told?.brokers ?? []
  const topic = flags.topic ?? told?.topics[0]
  if (brokers.length === 0) throw failure('USAGE', 'give --kafka host:port, or --config')
  if (topic === undefined) throw failure('USAGE', 'give the --topic to send to')
  const sasl = saslOf(flags) ?? told?.sasl
  const tls = tlsOf(flags) ?? told?.tls
  return {
    connection: { brokers, ...(sasl !== undefined && { sasl }), ...(tls !== undefined && { tls }) },
    topic,
  }
}

type KafkaTarget = KafkaConnection & { readonly topics: readonly string[] }

/** The Kafka source of the named model, or of the first model that has one. */
function sourceOf({ model }: KafkaFlags, path: string): KafkaTarget {
  const { models } = readConfig({ config: path })
  const wanted = Object.entries(models).filter(([name]) => model === undefined || name === model)
  const sources = wanted.flatMap(([, { sources }]) => sources)
  for (const { kafka } of sources) {
    if (kafka === undefined) continue
    // The config's schema is made from the settings of the plug-in.
    const settings = kafka as unknown as KafkaSourceSettings
    return { ...kafkaConnection(settings), topics: topicsOf(settings) }
  }
  throw failure('USAGE', `${path} has no model ${model ?? ''} that reads from Kafka`)
}

function saslOf({ sasl, user, passwordEnv }: KafkaFlags): KafkaSasl | undefined {
  if (sasl === undefined) return undefined
  const password = passwordEnv === undefined ? undefined : process.env[passwordEnv]
  if (user === undefined || password === undefined)
    throw failure('USAGE', '--sasl needs --user, and --password-env with a variable that is set')
  return { mechanism: sasl, username: user, password }
}

function tlsOf({ tls, tlsCa }: KafkaFlags): true | KafkaTls | undefined {
  if (tlsCa !== undefined) return { ca: tlsCa }
  return tls === true ? true : undefined
}
