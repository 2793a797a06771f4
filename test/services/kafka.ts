/**
 * A real Kafka for tests: one broker shared by all files of a run, told apart by random topic names, or one of the test's
 * own to be killed. Where the broker is not installed, tests that need it are skipped with that reason.
 */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { Kafka, logLevel, Partitioners, type Admin, type Message } from 'kafkajs'
import { inject, onTestFinished, type TestContext } from 'vitest'
import {
  startKafkaBroker,
  type KafkaBroker,
  type KafkaBrokerOptions,
  createTopics,
} from '../../src/cli/services/kafka-broker.ts'
import { kafkaIsInstalled } from '../../src/cli/services/kafka-java.ts'

export { kafkaIsInstalled } from '../../src/cli/services/kafka-java.ts'
export type { KafkaBroker } from '../../src/cli/services/kafka-broker.ts'

export const kafkaIsMissing = 'Kafka is not installed (node deploy/bootstrap/main.mjs --services)'

/** First line of a test that needs Kafka. */
export function needsKafka(context: TestContext): void {
  if (!kafkaIsInstalled()) context.skip(kafkaIsMissing)
}

/** The brokers of the run's shared Kafka. Never stop it. */
export async function sharedKafka(): Promise<readonly string[]> {
  const asking = connect(inject('kafkaSocket'))
  let text = ''
  for await (const chunk of asking) text += String(chunk)
  const answer = JSON.parse(text) as { brokers?: readonly string[]; error?: string }
  if (answer.brokers === undefined) throw new Error(answer.error)
  return answer.brokers
}

/** One of the test's own, gone when it has finished. */
export async function kafkaForTest(options: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const broker = await startKafkaBroker(options)
  onTestFinished(() => broker.stop())
  return broker
}

/** A client of the test's own, for what the code under test never does. */
export function kafkaClient(brokers: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'test',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  })
}

export async function administer<Result>(
  brokers: readonly string[],
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const admin = kafkaClient(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

export function randomTopic(): string {
  return `t-${randomBytes(6).toString('hex')}`
}

/** A new topic under a name that no other test has. */
export async function makeTopic(
  brokers: readonly string[],
  numPartitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = randomTopic()
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await administer(brokers, (admin) =>
    createTopics(admin, [{ topic, numPartitions, configEntries }]),
  )
  return topic
}

/** Deleted and created: another topic under the same name. */
export async function makeTopicAgain(brokers: readonly string[], topic: string): Promise<void> {
  await administer(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] })
    await createTopics(admin, [{ topic }])
  })
}

/** As retention would: everything below `offset` is gone. */
export async function removeBefore(
  brokers: readonly string[],
  topic: string,
  offset: number,
): Promise<void> {
  await administer(brokers, async (admin) => {
    // kafkajs knows a topic only after it was asked about it.
    await admin.fetchTopicOffsets(topic)
    const partitions = [{ partition: 0, offset: String(offset) }]
    await admin.deleteTopicRecords({ topic, partitions })
  })
}

export type Sent = Omit<Message, 'value'> & { readonly value: string | Buffer | null }

/** Durable when it resolves. */
export async function produce(
  brokers: readonly string[],
  topic: string,
  messages: readonly (string | Sent)[],
): Promise<void> {
  const producer = kafkaClient(brokers).producer({
    // When one partition is not ready yet, kafkajs sends again what the others have taken.
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const asMessage = (message: string | Sent) =>
    typeof message === 'string' ? { value: message } : { ...message }
  for (let from = 0; from < messages.length; from += 5000)
    await producer.send({ topic, messages: messages.slice(from, from + 5000).map(asMessage) })
  await producer.disconnect()
}
