/** Finds where the partitions of some topics begin and end, through one lasting connection to the brokers. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import type { Admin, Kafka } from 'kafkajs'
import { CodedError } from '../../src/contracts/core.ts'

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

/**
 * The ids of topics (KIP-516). A topic that was deleted and created again under its name has another id, whatever its
 * offsets. kafkajs asks for Metadata version 6 at most, which has no ids: inside `topicIds` its brokers ask once more,
 * with version 10. Brokers before 2.8 do not know that version, so their topics have no ids here.
 */

/** Where the brokers asked in this context store the ids. */
const asking = new AsyncLocalStorage<Map<string, string>>()

/** By name; a topic without an id is left out. Rejects when `fetchTopicMetadata` does. */
async function topicIds(
  admin: Admin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  letBrokersAskForIds()
  const ids = new Map<string, string>()
  await asking.run(ids, () => admin.fetchTopicMetadata({ topics: [...topics] }))
  return ids
}

const METADATA = 3
const VERSION = 10
const NO_ID = Buffer.alloc(16).toString('base64url')

/** The parts of kafkajs's own classes that are used here. */
interface Broker {
  readonly versions: Readonly<Record<string, { readonly maxVersion: number } | undefined>> | null
  readonly connectionPool: { send(exchange: object): Promise<ReadonlyMap<string, string>> }
  metadata(topics?: readonly string[]): Promise<unknown>
}
interface Encoder {
  readonly buffer: Buffer
  writeUVarInt(value: number): this
  writeUVarIntString(value: string | null): this
  writeBuffer(value: Buffer): this
  writeBoolean(value: boolean): this
}
interface Decoder {
  readInt8(): number
  readInt16(): number
  readInt32(): number
  readBytes(count: number): Buffer
  readUVarIntString(): string | null
  readUVarIntArray<Item>(read: (decoder: Decoder) => Item): readonly Item[] | null
  readTaggedFields(): unknown
}

const require = createRequire(import.meta.url)
let isPatched = false

/** kafkajs has no hook for this, so this one method is wrapped. Idempotent. */
function letBrokersAskForIds(): void {
  if (isPatched) return
  isPatched = true
  const { prototype } = require('kafkajs/src/broker') as { readonly prototype: Broker }
  const plain = Reflect.get(prototype, 'metadata')
  prototype.metadata = async function metadata(topics: readonly string[] = []) {
    const ids = asking.getStore()
    const { maxVersion = 0 } = this.versions?.[METADATA] ?? {}
    if (ids !== undefined && topics.length > 0 && maxVersion >= VERSION)
      for (const [name, id] of await this.connectionPool.send(exchange(topics))) ids.set(name, id)
    return plain.call(this, topics)
  }
}

function exchange(topics: readonly string[]) {
  return {
    request: {
      apiKey: METADATA,
      apiVersion: VERSION,
      apiName: 'Metadata',
      encode: async () => Promise.resolve(encodeRequest(topics)),
    },
    response: {
      decode: async (bytes: Buffer) => Promise.resolve(decodeIds(bytes)),
      parse: async (ids: ReadonlyMap<string, string>) => Promise.resolve(ids),
    },
  }
}

/**
 * Metadata Request (Version: 10) => [topics] allow_auto_topic_creation include_cluster_authorized_operations
 * include_topic_authorized_operations, all compact, each struct followed by tagged fields.
 */
function encodeRequest(topics: readonly string[]): Encoder {
  const { Encoder } = classes()
  // The first byte ends kafkajs's header, which has no tagged fields.
  const body = new Encoder().writeUVarInt(0).writeUVarInt(topics.length + 1)
  for (const topic of topics)
    body.writeBuffer(Buffer.alloc(16)).writeUVarIntString(topic).writeUVarInt(0)
  return body.writeBoolean(false).writeBoolean(false).writeBoolean(false).writeUVarInt(0)
}

/** Metadata Response (Version: 10) => throttle [brokers] cluster_id controller_id [topics] authorized_operations */
function decodeIds(bytes: Buffer): ReadonlyMap<string, string> {
  const { Decoder } = classes()
  const decoder = new Decoder(bytes)
  decoder.readTaggedFields()
  decoder.readInt32()
  decoder.readUVarIntArray(passBroker)
  decoder.readUVarIntString()
  decoder.readInt32()
  const topics = decoder.readUVarIntArray(readTopic) ?? []
  return new Map(topics.filter(([name, id]) => name !== '' && id !== NO_ID))
}

function passBroker(decoder: Decoder): void {
  decoder.readInt32()
  decoder.readUVarIntString()
  decoder.readInt32()
  decoder.readUVarIntString()
  decoder.readTaggedFields()
}

function readTopic(decoder: Decoder): readonly [string, string] {
  decoder.readInt16()
  const name = decoder.readUVarIntString() ?? ''
  const id = decoder.readBytes(16).toString('base64url')
  decoder.readInt8()
  decoder.readUVarIntArray(passPartition)
  decoder.readInt32()
  decoder.readTaggedFields()
  return [name, id]
}

/** error_code, partition, leader, leader_epoch, [replicas], [in sync], [offline] */
function passPartition(decoder: Decoder): void {
  decoder.readInt16()
  decoder.readInt32()
  decoder.readInt32()
  decoder.readInt32()
  decoder.readUVarIntArray(passInt32)
  decoder.readUVarIntArray(passInt32)
  decoder.readUVarIntArray(passInt32)
  decoder.readTaggedFields()
}

function passInt32(decoder: Decoder): void {
  decoder.readInt32()
}

function classes() {
  return {
    Encoder: require('kafkajs/src/protocol/encoder') as new () => Encoder,
    Decoder: require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder,
  }
}
