/** The AsyncAPI 3 description of what models read from and write to: one channel for each place that the config names. */
import type { ConnectorChannel, ConnectorUse } from '../../contracts/connector.ts'
import type { PayloadLimits } from '../../contracts/payload.ts'
import { wordsOf } from '../events/signal.ts'
import {
  cloudEventHeaders,
  cloudEventSchema,
  eventSchema,
  type DescribedTask,
  type JsonSchema,
} from './event-schema.ts'

export interface DescribedChannel {
  readonly model: string
  readonly connector: string
  readonly as: ConnectorUse['as']
  readonly task: DescribedTask
  /** Absent = the connector does not say where it reads. */
  readonly channel: ConnectorChannel | undefined
}

export interface AsyncApiOptions {
  readonly version: string
  readonly channels: readonly DescribedChannel[]
  readonly limits: PayloadLimits
}

export type AsyncApi = Readonly<Record<string, unknown>>

export function asyncApi({ version, channels, limits }: AsyncApiOptions): AsyncApi {
  const named = channels.map((each, index) => ({ ...each, key: keyOf(channels, index) }))
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Antikythera',
      version,
      description:
        'Events that models learn from, and what they write: dead letters and served predictions. ' +
        'An event is learned at most once. What cannot be learned from becomes a dead letter with a code.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: Object.fromEntries(channels.flatMap(serversOf)),
    channels: Object.fromEntries(named.map((each) => [each.key, channelOf(each)])),
    operations: Object.fromEntries(named.map((each) => [each.key, operationOf(each)])),
    components: {
      messages: Object.fromEntries(named.map((each) => [each.key, messageOf(each, limits)])),
    },
  }
}

type NamedChannel = DescribedChannel & { readonly key: string }

/** `sentiment.source.kafka`, with a number from the second one on. */
function keyOf(channels: readonly DescribedChannel[], index: number): string {
  const nameAt = ({ model, as, connector }: DescribedChannel) => `${model}.${as}.${connector}`
  const [name] = channels.slice(index, index + 1).map(nameAt)
  const before = channels.slice(0, index).filter((each) => nameAt(each) === name).length
  return nameOf(before === 0 ? `${name}` : `${name}.${before + 1}`)
}

const nameOf = (text: string) => text.replaceAll(/[^\w.-]/g, '_')
const reference = (place: string) => ({ $ref: `#/${place}` })

function serversOf({ channel }: Pick<DescribedChannel, 'channel'>) {
  const { hosts = [], protocol } = channel ?? {}
  return hosts.map((host) => [nameOf(`${protocol}.${host}`), { host, protocol }] as const)
}

function channelOf({ key, connector, channel, model }: NamedChannel) {
  const servers = serversOf({ channel }).map(([name]) => reference(`servers/${name}`))
  return {
    address: channel?.address ?? null,
    title: `${connector} of ${model}`,
    ...(servers.length > 0 && { servers }),
    messages: { message: reference(`components/messages/${key}`) },
    tags: [{ name: model }, { name: channel?.protocol ?? connector }],
  }
}

const summaries = {
  source: 'feedback that the model learns from',
  dead_letters: 'what the model could not learn from, and why',
  predictions: 'each answer that was served, to be joined or labelled elsewhere',
} as const satisfies Readonly<Record<ConnectorUse['as'], string>>

/** The operation from the daemon's side, as in AsyncAPI 3: `receive` = the daemon reads. */
function operationOf({ key, as }: NamedChannel) {
  return {
    action: as === 'source' ? 'receive' : 'send',
    summary: summaries[as],
    channel: reference(`channels/${key}`),
  }
}

function messageOf({ as, task, channel }: NamedChannel, limits: PayloadLimits) {
  if (as !== 'source') {
    const { headers, payload = {} } = channel ?? {}
    return { title: summaries[as], ...(headers && { headers }), payload: shown(as, payload, task) }
  }
  const event = eventSchema(task, limits)
  return {
    title: summaries.source,
    headers: cloudEventHeaders(channel?.protocol === 'http' ? 'ce-' : 'ce_'),
    payload: { anyOf: [event, cloudEventSchema(event)] },
  }
}

/** A served prediction also holds the answer, under the word that an event would say it with. */
function shown(
  as: DescribedChannel['as'],
  payload: JsonSchema,
  { schemas, signals }: DescribedTask,
) {
  if (as !== 'predictions') return payload
  const { properties = {} } = payload as { readonly properties?: object }
  const says = Object.entries(schemas.answer.properties).filter(([name]) =>
    wordsOf(signals).includes(name),
  )
  return { ...payload, properties: { ...Object.fromEntries(says), ...properties } }
}
