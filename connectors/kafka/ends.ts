/** Where the partitions of some topics begin and end, asked of the brokers through one lasting connection. */
import type { Admin, Kafka } from 'kafkajs'
import { CodedError } from '../../src/contracts.ts'

export interface Ends {
  /** The first offset that is still there. */
  readonly low: number
  /** The offset that the next message will get. */
  readonly high: number
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
        for (const { partition, low, high } of await this.#of(admin, topic))
          ends.set(nameOf(topic, partition), { low: Number(low), high: Number(high) })
      }
      return ends
    })
  }

  /** What the group has committed; a partition of which nothing is known is left out. */
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

  async #of(admin: Admin, topic: string) {
    try {
      return await admin.fetchTopicOffsets(topic)
    } catch (cause) {
      const type = cause instanceof Error && 'type' in cause ? cause.type : undefined
      if (type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw cause
      const options = { retriable: true, details: { topic }, cause }
      throw new CodedError('SOURCE_FAILED', `Kafka has no topic ${topic}`, options)
    }
  }

  /** A connection that failed is given up: the next question makes another. */
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
