/** The topics of a model as /asyncapi.json describes them: brokers, names, and what the sinks write. */
import type { ConnectorChannel, ConnectorUse } from '../../src/contracts/connector.ts'
import { topicsOf, type KafkaSinkSettings, type KafkaSourceSettings } from './settings.ts'

export function sourceChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
  const source = settings as unknown as KafkaSourceSettings
  return topicsOf(source).map((address) => ({
    ...{ protocol: 'kafka', address, hosts: source.brokers },
  }))
}

export function letterChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
  const names = ['code', 'reason', 'source', 'partition', 'position']
  const headers = names.map((name) => `antikythera-${name}`)
  return [
    {
      ...sinkChannel(settings),
      headers: {
        type: 'object',
        properties: Object.fromEntries([...headers, CUT].map((name) => [name, text])),
        required: headers,
      },
      payload: { description: 'the message as it arrived' },
    },
  ]
}

export function predictionChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
  const attributes = ['ce_specversion', 'ce_type', 'ce_source', 'ce_id', 'ce_time', 'content-type']
  const wrapped = (name: string, inside: object) => ({
    ...{ type: 'object', properties: { [name]: inside }, required: [name] },
  })
  return [
    {
      ...sinkChannel(settings),
      headers: {
        type: 'object',
        properties: {
          ...Object.fromEntries([...attributes, 'traceparent'].map((name) => [name, text])),
          ce_specversion: { const: '1.0' },
          ce_type: { const: 'antikythera.prediction' },
        },
        required: attributes,
      },
      payload: {
        type: 'object',
        properties: {
          ...{ prediction_id: text, model: text, version: text },
          input: { oneOf: [wrapped('text', text), wrapped('features', {})] },
        },
        required: ['prediction_id', 'model', 'version', 'input'],
      },
    },
  ]
}

function sinkChannel(settings: ConnectorUse['settings']) {
  const { topic: address, brokers: hosts } = settings as unknown as KafkaSinkSettings
  return { protocol: 'kafka', address, hosts }
}

const text = { type: 'string' }
/** Length of a value that was truncated. */
const CUT = 'antikythera-cut-from'
