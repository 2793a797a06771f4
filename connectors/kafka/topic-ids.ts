/**
 * The ids of topics (KIP-516). A topic that was deleted and created again under its name has another id, whatever its
 * offsets. kafkajs asks for Metadata version 6 at most, which has no ids: inside `topicIds` its brokers ask once more,
 * with version 10. Brokers before 2.8 do not know that version, so their topics have no ids here.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import type { Admin } from 'kafkajs'

/** Where the brokers asked in this context store the ids. */
const asking = new AsyncLocalStorage<Map<string, string>>()

/** By name; a topic without an id is left out. Rejects when `fetchTopicMetadata` does. */
export async function topicIds(
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
