/**
 * Sends messages to one topic; they are durable when `send` resolves: acknowledged by every in-sync replica. Retries
 * within one send write nothing twice (the producer is idempotent). After a failed send the numbering of the producer
 * is in doubt, so the next send starts a new producer.
 */
import { Partitioners, type Kafka, type Message, type Producer } from 'kafkajs'
import { settles, type Clock, type Logger } from '../../src/contracts/core.ts'
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { codedFailure, openClient } from './client.ts'
import type { KafkaConnection } from './settings.ts'

export interface KafkaSinkOptions extends KafkaConnection {
  /** It must exist: a sink does not create topics. */
  readonly topic: string
  readonly clock: Clock
  readonly log: Logger
  /** A longer value is truncated, so that the broker accepts it. */
  readonly messageBytes?: number | undefined
}

export interface OutgoingMessage {
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string | Uint8Array>>
  readonly timeMs: number
}

/** Below the broker's `message.max.bytes`, with room for key and headers. */
const MESSAGE_BYTES = 900_000
/** Messages per request. */
const AT_ONCE = 500
const STOP_MS = 5000

export class Delivery {
  readonly #options: KafkaSinkOptions
  readonly #kafka: Kafka
  #producer: Promise<Producer> | undefined

  constructor(options: KafkaSinkOptions) {
    this.#options = options
    this.#kafka = openClient(options, options.log)
  }

  async send(items: readonly OutgoingMessage[]): Promise<void> {
    for (const messages of this.#requests(items)) await this.#request(messages)
  }

  async close(): Promise<void> {
    const producer = await this.#producer?.catch(() => undefined)
    this.#producer = undefined
    if (producer) await settles(producer.disconnect(), STOP_MS, this.#options.clock)
  }

  async #request(messages: Message[]): Promise<void> {
    const { topic } = this.#options
    this.#producer ??= this.#connect()
    try {
      await (await this.#producer).send({ topic, acks: -1, messages })
    } catch (error) {
      await this.close()
      throw codedFailure(error, 'SINK_FAILED', `writing to ${topic}`)
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    })
    try {
      await producer.connect()
      return producer
    } catch (error) {
      await settles(producer.disconnect(), STOP_MS, this.#options.clock)
      throw error
    }
  }

  /** As many per request as the broker accepts together. */
  *#requests(items: readonly OutgoingMessage[]): Iterable<Message[]> {
    const { messageBytes = MESSAGE_BYTES } = this.#options
    let messages: Message[] = []
    let bytes = 0
    for (const item of items) {
      const message = messageOf(item, messageBytes)
      const size = Math.min(item.value.length, messageBytes)
      if (messages.length >= AT_ONCE || (bytes + size > messageBytes && messages.length > 0)) {
        yield messages
        messages = []
        bytes = 0
      }
      messages.push(message)
      bytes += size
    }
    if (messages.length > 0) yield messages
  }
}

function messageOf(
  { key, value, headers, timeMs }: OutgoingMessage,
  messageBytes: number,
): Message {
  const isCut = value.length > messageBytes
  const all = isCut ? { ...headers, 'antikythera-cut-from': String(value.length) } : headers
  const entries = Object.entries(all).map(([name, of]) => [
    name,
    typeof of === 'string' ? of : Buffer.from(of),
  ])
  return {
    key,
    value: Buffer.from(value.subarray(0, messageBytes)),
    headers: Object.fromEntries(entries) as Record<string, string | Buffer>,
    timestamp: String(Math.round(timeMs)),
  }
}

/**
 * Dead letters as messages: the original bytes and headers, plus the reason why nothing could be learned from them. The
 * message key is the letter's key, so writing one twice is harmless: a reader recognises it, and a compacted topic
 * keeps one.
 */
export function kafkaDeadLetterSink(options: KafkaSinkOptions): Sink {
  const delivery = new Delivery(options)
  return {
    write: (letters) => delivery.send(letters.map(outgoing)),
    close: () => delivery.close(),
  }
}

function outgoing(letter: DeadLetter): OutgoingMessage {
  const { key, code, reason, connector, partition, position, value, headers, timeMs } = letter
  return {
    key,
    value,
    timeMs,
    headers: {
      ...headers,
      'antikythera-code': code,
      'antikythera-reason': reason,
      'antikythera-source': connector,
      'antikythera-partition': partition,
      'antikythera-position': position,
    },
  }
}

/**
 * Served predictions as CloudEvents 1.0 in Kafka's binary mode: the envelope in headers, the answer as JSON.
 */
export function kafkaPredictionSink(
  options: KafkaSinkOptions & { readonly model: string },
): Sink<ServedPrediction> {
  const delivery = new Delivery(options)
  return {
    write: (served) => delivery.send(served.map((each) => predictionMessage(each, options.model))),
    close: () => delivery.close(),
  }
}

export function predictionMessage(served: ServedPrediction, model: string): OutgoingMessage {
  const { id, input, version, shown, timeMs, traceparent } = served
  const answer = { prediction_id: id, model, version, ...shown, input: plain(input) }
  return {
    key: id,
    value: Buffer.from(JSON.stringify(answer)),
    timeMs,
    headers: {
      ce_specversion: '1.0',
      ce_type: 'antikythera.prediction',
      ce_source: `/antikythera/models/${model}`,
      ce_id: id,
      ce_time: new Date(timeMs).toISOString(),
      'content-type': 'application/json',
      ...(traceparent !== undefined && { traceparent }),
    },
  }
}

/** In the form of an event, ready for a label to be added. */
function plain({ kind, ...input }: ServedPrediction['input']) {
  return input
}
