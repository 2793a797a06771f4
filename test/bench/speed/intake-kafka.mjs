/** The streams of the intake measurement in a real Kafka: a broker, topics of four partitions, and a source that waits for its start. */
import { Kafka, logLevel } from 'kafkajs'
import { kafkaSource } from '../../../dist/connectors/kafka/source.js'
import { startKafkaBroker } from '../../../dist/src/cli/services/kafka-broker.js'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { RetryPolicy } from '../../../dist/src/platform/retry.js'
import { defaultLimits } from '../../../dist/src/platform/limits.js'
import { valueOf } from './intake-events.mjs'

const partitions = 4
const messagesPerSend = 2000

/** `fill` writes a stream once and answers its topic. */
export async function openKafka() {
  const broker = await startKafkaBroker()
  const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  const admin = kafka.admin()
  await Promise.all([producer.connect(), admin.connect()])
  return {
    brokers: broker.brokers,
    async fill(topic, kind, { events, poison }) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: partitions }],
      })
      const make = valueOf(kind, poison)
      for (let from = 0; from < events; from += messagesPerSend) {
        const count = Math.min(messagesPerSend, events - from)
        const messages = Array.from({ length: count }, (_, at) =>
          messageOf(make(from + at), from + at),
        )
        await producer.send({ topic, messages })
      }
      return topic
    },
    async close() {
      await Promise.all([producer.disconnect(), admin.disconnect()])
      await broker.stop()
    },
  }
}

/** An empty value is a tombstone. */
function messageOf(value, number) {
  return { partition: number % partitions, key: null, value: value.length === 0 ? null : value }
}

/** Like `generatedSource`: joins its group with `release`, and has begun with its first record. */
export function startedKafkaSource({ brokers, topic }, { count, log }) {
  const source = kafkaSource({
    name: `kafka:${topic}`,
    brokers,
    topics: [topic],
    group: `bench-${process.pid}`,
    limits: {
      eventBytes: defaultLimits.event_bytes,
      batchBytes: defaultLimits.message_bytes,
      bufferBytes: defaultLimits.message_bytes,
      bufferRecords: 10_000,
    },
    retry: new RetryPolicy({ clock: systemClock, firstMs: 200, longestMs: 5_000 }),
    clock: systemClock,
    log,
  })
  let isReleased = false
  let isOpen = false
  return {
    name: source.name,
    beganMs: undefined,
    release() {
      isReleased = true
    },
    async open() {},
    async read(limits, signal) {
      if (!isReleased) {
        await systemClock.sleep(Math.min(50, limits.waitMs)).catch(() => undefined)
        return []
      }
      if (!isOpen) await source.open({}, signal)
      isOpen = true
      const records = await source.read(limits, signal)
      if (records.length > 0) this.beganMs ??= performance.now()
      return records
    },
    commit: async (positions) => (isOpen ? source.commit(positions) : undefined),
    lag: async () => (isOpen ? source.lag() : isReleased ? count : 0),
    stats: () => source.stats(),
    close: () => source.close(),
  }
}
