/** A configuration with every connector, and its AsyncAPI description as a client reads it. */
import { asyncApiOf } from '../../src/config/async-api.ts'
import { parseConfig } from '../../src/config/config.ts'
import type { Schema } from '../api/openapi-compatible.ts'

export interface Document {
  readonly servers: Readonly<Record<string, { readonly host: string; readonly protocol: string }>>
  readonly channels: Readonly<Record<string, { readonly address: string | null }>>
  readonly operations: Readonly<Record<string, { readonly action: string }>>
  readonly components: {
    readonly messages: Readonly<
      Record<string, { readonly headers?: Schema; readonly payload: Schema }>
    >
  }
}

export const everyConnector = `
redis: { url: redis://127.0.0.1:6379 }
models:
  sentiment:
    labels: [negative, positive]
    sources:
      - http: {}
      - kafka:
          topics: [feedback, ratings]
          brokers: [one:9092, two:9092]
          sasl: { mechanism: scram-sha-256, username: u, password: not-for-clients }
      - redis: { stream: events }
    sinks:
      dead_letters: { file: { path: dead.jsonl } }
      predictions: { kafka: { topic: answers, brokers: [one:9092] } }
  price:
    base: { features: { size: 2 } }
    task: regression
    sources: [{ file: { path: events.jsonl } }]
    sinks: { dead_letters: { kafka: { topic: dead, brokers: [two:9092] } } }
`

/** As clients get it: through JSON. */
export function documentOf(text = everyConnector): Document {
  return JSON.parse(JSON.stringify(asyncApiOf(parseConfig(text, '/data')))) as Document
}

export function payloadOf(document: Document, key: string): Schema {
  const message = document.components.messages[key]
  if (message === undefined) throw new Error(`there is no message ${key}`)
  return message.payload
}
