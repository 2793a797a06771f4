/** Rows of the checkpoint and what they mean, both ways. */
import type { EventIdentity, ExampleKey } from '../../contracts/core.ts'
import { identityOf, shownKey } from '../../intake/events/event-key.ts'
import type { FeedbackEvent } from '../../contracts/event.ts'
import type { SourceRecord } from '../../contracts/source.ts'
import type { Example, RememberedExample, Target } from '../../contracts/example.ts'
import { headersOf, plainHeaders, type PlainHeaders } from '../../intake/events/headers.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import type { Row, Value } from '../../platform/store/row.ts'
import { checkRow, summedValues } from './row-sum.ts'
import { headerOf, rowOf } from '../../payloads/rows.ts'

/** The columns of `examples`, in their order. */
export function exampleValues(example: Example): readonly Value[] {
  const { key, encoded, target, weight, predictionId, timeMs = null, slice } = example
  const { data } = encoded
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const prediction = predictionId === undefined ? null : JSON.stringify(predictionId)
  const part = slice === undefined ? null : JSON.stringify(slice)
  const facts = [JSON.stringify(target), weight, prediction, timeMs, part]
  return [bytesOf(key), headerOf(encoded), bytes, ...facts]
}

/** `time_ms` and `slice` are later than the sums. */
export const EXAMPLE_COLUMNS_ADDED = 2

export function exampleOf(row: Row, path: string): Example {
  const [key, kind, data] = [row.bytes('key'), row.text('kind'), row.bytes('data')]
  const [target, weight] = [row.text('target'), row.number('weight')]
  const prediction = row.textOrNull('prediction')
  const timeMs = row.numberOrNull('time_ms')
  const slice = row.textOrNull('slice')
  const values = [key, kind, data, target, weight, prediction, timeMs, slice] as const
  const summed = summedValues(values, EXAMPLE_COLUMNS_ADDED)
  checkRow(row, { path, what: `the example ${shown(key)}` }, ...summed)
  return {
    ...identified(key),
    encoded: rowOf(kind, data.slice().buffer),
    target: JSON.parse(target) as Target,
    weight,
    ...(prediction !== null && { predictionId: JSON.parse(prediction) as string }),
    ...(timeMs !== null && { timeMs }),
    ...(slice !== null && { slice: JSON.parse(slice) as string }),
  }
}

/** An example with `logits`, `born` and the sum of its row in `remembered`. */
export function rememberedOf(row: Row, path: string): RememberedExample {
  const bytes = row.bytesOrNull('logits')
  const [key, born] = [row.bytes('key'), row.number('born')]
  const place = { path, what: `the stored example ${shown(key)}`, column: 'kept' }
  checkRow(row, place, key, born, bytes)
  const example = exampleOf(row, path)
  return bytes === null ? example : { ...example, logits: new Float32Array(bytes.slice().buffer) }
}

export function logitsValue(logits: Float32Array | undefined): Value {
  return logits === undefined
    ? null
    : new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength)
}

/** The columns of `waiting` after `seq`, in their order. */
export function waitingValues(waiting: WaitingEvent): readonly Value[] {
  const { key, since, event, received, isCounted } = waiting
  const { connector, record } = received
  const { value, key: recordKey, headers, ...rest } = record
  const origin: Origin = {
    connector,
    ...rest,
    ...(recordKey && { key: toBase64(recordKey) }),
    ...(headers && { headers: plainHeaders(headers) }),
    ...(isCounted && { isCounted }),
  }
  return [bytesOf(key), since, JSON.stringify(event), JSON.stringify(origin), value]
}

export function waitingOf(row: Row, path: string): WaitingEvent {
  const [key, since, event] = [row.bytes('key'), row.number('since'), row.text('event')]
  const [text, value] = [row.text('origin'), row.bytes('value')]
  const place = { path, what: `the waiting event ${shown(key)}` }
  checkRow(row, place, key, since, event, text, value)
  const origin = JSON.parse(text) as Origin
  const { connector, key: recordKey, headers, isCounted, ...rest } = origin
  const record: SourceRecord = {
    ...rest,
    value,
    ...(recordKey !== undefined && { key: fromBase64(recordKey) }),
    ...(headers && { headers: headersOf(headers) }),
  }
  return {
    key: keyIn(key),
    since,
    event: JSON.parse(event) as FeedbackEvent,
    received: { connector, record },
    ...(isCounted && { isCounted }),
  }
}

/** A key for a message: source and id. */
export function shown(key: Uint8Array): string {
  return shownKey(keyIn(key))
}

/** The column `key` of any table. */
export function keyIn(bytes: Uint8Array): ExampleKey {
  return textOf(bytes) as ExampleKey
}

function identified(bytes: Uint8Array): EventIdentity & { readonly key: ExampleKey } {
  const key = keyIn(bytes)
  return { key, ...identityOf(key) }
}

const encoder = new TextEncoder()

export function bytesOf(key: string): Uint8Array {
  return encoder.encode(key)
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** A record without its bytes, which have columns of their own. */
type Origin = Omit<SourceRecord, 'value' | 'key' | 'headers'> & {
  readonly connector: string
  readonly key?: string
  readonly headers?: PlainHeaders
  readonly isCounted?: true
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
