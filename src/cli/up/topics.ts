/** Creates missing topics: a source waits for its topic, and nothing else on this machine would create it. */
import { Kafka, logLevel } from 'kafkajs'
import { createTopics } from '../services/kafka-topics.ts'

const PARTITIONS = 6

export async function makeTopics(
  brokers: readonly string[],
  topics: readonly string[],
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await createTopics(
      admin,
      topics.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
    )
  } finally {
    await admin.disconnect()
  }
}
