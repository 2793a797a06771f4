/** The flags of a file of rows, and of `feedback`: such a file, or the parts of one event. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { ClientFlags } from '../flags.ts'
import {
  kafkaConnection,
  topicsOf,
  type KafkaConnection,
  type KafkaSasl,
  type KafkaSourceSettings,
  type KafkaTls,
} from '../../../connectors/kafka/settings.ts'
import { failure } from '../../platform/errors.ts'
import { readConfig } from '../read-config.ts'
import type { Columns } from './csv.ts'
import type { FileFormat } from './file-format.ts'

export interface RowFlags {
  readonly file?: string
  readonly format?: FileFormat
  readonly textColumn?: string
  readonly labelColumn?: string
  readonly idColumn?: string
  /** The share of the rows that is not taught but evaluated. */
  readonly holdOut?: number
}

/** Beside them those of the kinds of inputs and signals, by name. */
export interface FeedbackFlags extends ClientFlags, RowFlags {
  readonly dryRun?: boolean
  /** Refused events in a row that stop the sending; 0 = never. */
  readonly stopAfter: number
  readonly retrySeconds: number
  readonly wait?: boolean
  readonly predictionId?: string
  readonly correction?: string
  readonly retract?: boolean
  readonly weight?: number
  readonly slice?: string
  readonly id?: string
  readonly source?: string
}

export function columnsOf({ textColumn, labelColumn, idColumn }: RowFlags): Columns {
  return { text: textColumn, label: labelColumn, id: idColumn }
}

/** `held`: the meaning of `--hold-out`. */
export function withRows(command: Command, held: string): Command {
  return command
    .option('-f, --file <path>', 'JSONL, one event per line, or CSV with a header; - = stdin')
    .addOption(
      new Option(
        '--format <name>',
        'format of --file; absent = csv for .csv and .tsv, otherwise jsonl',
      ).choices(['jsonl', 'csv']),
    )
    .option('--text-column <name>', 'column or JSON field of --file that is the text')
    .option('--label-column <name>', 'the same for the label')
    .option('--id-column <name>', 'the same for the id')
    .option('--hold-out <share>', held, heldOutShare)
}

function heldOutShare(text: string): number {
  const share = text.trim().endsWith('%') ? Number(text.trim().slice(0, -1)) / 100 : Number(text)
  if (text.trim() !== '' && share > 0 && share < 1) return share
  throw new InvalidArgumentError('give a share of the rows, such as 20% or 0.2')
}

/**
 * The destination and credentials of `feedback --kafka`: from its flags, or from the Kafka source of a model of a
 * configuration.
 */
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

interface KafkaPlace {
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
