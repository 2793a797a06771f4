/** The connector `kafka` as plug-ins: topics as a source, and as sinks of dead letters and of predictions. */
import type {
  SinkNeeds,
  SinkPlugin,
  SourceNeeds,
  SourcePlugin,
  ConnectorChannel,
  ConnectorUse,
} from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import {
  kafkaConnection,
  kafkaSourceFields,
  sinkSettings,
  sourceSettings,
  type KafkaSinkSettings,
  type KafkaSourceSettings,
  kafkaFaults,
  topicsOf,
} from './settings.ts'

export const kafkaSourcePlugin = {
  summary: 'topics of Kafka 0.11 or newer, read as a consumer group',
  settings: sourceSettings,
  async open(settings: KafkaSourceSettings, { model, limits, clock, log, retry }: SourceNeeds) {
    const { kafkaSource } = await import('./source.ts')
    return kafkaSource({ ...kafkaSourceFields(model, settings, limits), clock, log, retry })
  },
  channels: sourceChannels,
  check: kafkaFaults,
} satisfies SourcePlugin

export const kafkaDeadLetters = {
  summary: 'a Kafka topic, one message per dead letter',
  settings: sinkSettings,
  async open(settings: KafkaSinkSettings, needs: SinkNeeds) {
    const { kafkaDeadLetterSink } = await import('./sink.ts')
    return kafkaDeadLetterSink(optionsOf(settings, needs))
  },
  channels: letterChannels,
} satisfies SinkPlugin

export const kafkaPredictions = {
  summary: 'a Kafka topic, one CloudEvent per answer',
  settings: sinkSettings,
  async open(settings: KafkaSinkSettings, needs: SinkNeeds) {
    const { kafkaPredictionSink } = await import('./sink.ts')
    return kafkaPredictionSink({ ...optionsOf(settings, needs), model: needs.model })
  },
  channels: predictionChannels,
} satisfies SinkPlugin<ServedPrediction>

function optionsOf(settings: KafkaSinkSettings, { clock, log }: SinkNeeds) {
  return { ...kafkaConnection(settings), topic: settings.topic, clock, log }
}

/**
 * The topics of a model as /asyncapi.json describes them: brokers, names, and what the sinks write.
 */
function sourceChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
  const source = settings as unknown as KafkaSourceSettings
  return topicsOf(source).map((address) => ({
    ...{ protocol: 'kafka', address, hosts: source.brokers },
  }))
}

function letterChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
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

function predictionChannels({ settings }: ConnectorUse): readonly ConnectorChannel[] {
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
