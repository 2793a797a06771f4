/** The connector `kafka` as plug-ins: topics as a source, and as sinks of dead letters and of predictions. */
import type {
  SinkNeeds,
  SinkPlugin,
  SourceNeeds,
  SourcePlugin,
} from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { letterChannels, predictionChannels, sourceChannels } from './channels.ts'
import { kafkaFaults } from './check.ts'
import {
  kafkaConnection,
  kafkaSourceFields,
  sinkSettings,
  sourceSettings,
  type KafkaSinkSettings,
  type KafkaSourceSettings,
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
    const { kafkaPredictionSink } = await import('./prediction-sink.ts')
    return kafkaPredictionSink({ ...optionsOf(settings, needs), model: needs.model })
  },
  channels: predictionChannels,
} satisfies SinkPlugin<ServedPrediction>

function optionsOf(settings: KafkaSinkSettings, { clock, log }: SinkNeeds) {
  return { ...kafkaConnection(settings), topic: settings.topic, clock, log }
}
