/** Finds where the partitions of some topics begin and end, through one lasting connection to the brokers. */
import type { Admin, Kafka } from 'kafkajs'
import { CodedError } from '../../src/contracts/core.ts'
import { topicIds } from './topic-ids.ts'

export interface Ends {
  /** The first offset that still exists. */
  readonly low: number
  /** The offset that the next message will get. */
  readonly high: number
  /** The topic's id; a topic that was deleted and created again has another. Absent if the brokers have no ids. */
  readonly id?: string | undefined
}

/** By partition name, `topic/partition`. */
export type EndsByPartition = ReadonlyMap<string, Ends>

export class EndsOfTopics {
  readonly #kafka: Kafka
  readonly #topics: readonly string[]
  readonly #group: string
  #admin: Promise<Admin> | undefined

  constructor(kafka: Kafka, topics: readonly string[], group: string) {
    this.#kafka = kafka
    this.#topics = topics
    this.#group = group
  }

  async ask(): Promise<EndsByPartition> {
    return this.#with(async (admin) => {
      const ends = new Map<string, Ends>()
      for (const topic of this.#topics) {
        const { id, partitions } = await this.#of(admin, topic)
        for (const { partition, low, high } of partitions)
          ends.set(nameOf(topic, partition), { low: Number(low), high: Number(high), id })
      }
      return ends
    })
  }

  async ids(): Promise<ReadonlyMap<string, string>> {
    return this.#with((admin) => topicIds(admin, this.#topics))
  }

  /** The group's committed offsets; partitions without one are left out. */
  async committed(): Promise<ReadonlyMap<string, number>> {
    return this.#with(async (admin) => {
      const topics = [...this.#topics]
      const found = await admin.fetchOffsets({ groupId: this.#group, topics })
      const entries = found.flatMap(({ topic, partitions }) =>
        partitions.map(
          ({ partition, offset }) => [nameOf(topic, partition), Number(offset)] as const,
        ),
      )
      return new Map(entries.filter(([, offset]) => offset >= 0))
    })
  }

  async close(): Promise<void> {
    const admin = await this.#admin?.catch(() => undefined)
    this.#admin = undefined
    await admin?.disconnect().catch(() => undefined)
  }

  /** The id is read before and after, so that it belongs to the topic with these offsets. */
  async #of(admin: Admin, topic: string) {
    try {
      const before = (await topicIds(admin, [topic])).get(topic)
      const partitions = await admin.fetchTopicOffsets(topic)
      const id = (await topicIds(admin, [topic])).get(topic)
      if (id === before) return { id, partitions }
    } catch (cause) {
      const type = cause instanceof Error && 'type' in cause ? cause.type : undefined
      if (type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw cause
      const options = { retriable: true, details: { topic }, cause }
      throw new CodedError('SOURCE_FAILED', `Kafka has no topic ${topic}`, options)
    }
    const options = { retriable: true, details: { topic } }
    throw new CodedError('SOURCE_FAILED', `Kafka: ${topic} is being created again`, options)
  }

  /** Drops a failed connection: the next question opens another. */
  async #with<Result>(work: (admin: Admin) => Promise<Result>): Promise<Result> {
    this.#admin ??= this.#connect()
    const connecting = this.#admin
    try {
      return await work(await connecting)
    } catch (error) {
      if (this.#admin === connecting) await this.close()
      throw error
    }
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin()
    try {
      await admin.connect()
      return admin
    } catch (error) {
      await admin.disconnect().catch(() => undefined)
      throw error
    }
  }
}

export function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
