/** Rows of the checkpoint and what they mean, both ways. */
import { crc32 } from 'node:zlib'
import type { EventIdentity, ExampleKey } from '../../contracts/core.ts'
import { identityOf, shownKey } from '../../intake/events/event-key.ts'
import type { Example, RememberedExample, Target } from '../../contracts/example.ts'
import type { Row, Value } from '../../platform/store/row.ts'
import { headerOf, rowOf } from '../../payloads/rows.ts'
import type { Store } from '../../platform/store/store.ts'
import { failure } from '../../platform/errors.ts'
import { isMeant, type Meant } from '../../intake/retraction.ts'

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

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Rows of one statement. A fixed number, so that two statements are prepared and not one for each count. */
const ROWS = 32

/**
 * Many rows into a table, some dozens to a statement: the way into the library costs more than the row. `head` ends before
 * `VALUES`; each row has `columns` values.
 */
export function insertRows(
  store: Store,
  head: string,
  columns: number,
  rows: readonly (readonly Value[])[],
): void {
  const one = `(${Array(columns).fill('?').join(', ')})`
  const many = `${head} VALUES ${Array(ROWS).fill(one).join(', ')}`
  const whole = rows.length - (rows.length % ROWS)
  for (let from = 0; from < whole; from += ROWS)
    store.run(many, ...rows.slice(from, from + ROWS).flat())
  for (const row of rows.slice(whole)) store.run(`${head} VALUES ${one}`, ...row)
}

/**
 * A checksum for each row of the checkpoint. SQLite notices a page that makes no sense, and not one flipped bit in a
 * weight, a position or an example: without a checksum it would be learned on, and published with a valid digest.
 *
 * CRC-32 over every value that the row was written with, each with its kind and length. Rows from before there were
 * checksums have none, and are taken as they are.
 */
export function rowSum(...values: readonly Value[]): number {
  return values.reduce<number>((sum, value) => {
    if (value instanceof Uint8Array) return crc32(value, crc32(`b${value.byteLength} `, sum))
    if (typeof value === 'string') return crc32(value, crc32(`t${value.length} `, sum))
    return crc32(value === null ? 'n ' : `d${value} `, sum)
  }, 0)
}

/** Without the last values that rows from before they existed do not have, at most `added`, so that these keep their sums. */
export function summedValues(values: readonly Value[], added = 1): readonly Value[] {
  const isShort = added > 0 && values.at(-1) === null
  return isShort ? summedValues(values.slice(0, -1), added - 1) : values
}

/** A row with its checksum appended. */
export function summed(values: readonly Value[]): readonly Value[] {
  return [...values, rowSum(...values)]
}

/** Throws STORE_CORRUPT. `what` names the row; `column` is where its sum is. */
export function checkRow(
  row: Row,
  place: { readonly path: string; readonly what: string; readonly column?: string },
  ...values: readonly Value[]
): void {
  const { path, what, column = 'sum' } = place
  const sum = row.numberOrNull(column)
  if (sum === null || sum === rowSum(...values)) return
  throw failure('STORE_CORRUPT', `${path}: ${what} is damaged: its checksum is another`, {
    details: { path, what },
  })
}

/** The rows, those of past states included, that a retraction of many events means. */
export function retractedKeys(
  store: Store,
  table: 'examples' | 'memorised',
  meant: Meant,
): readonly ExampleKey[] {
  const rows = store.all(`SELECT DISTINCT key, time_ms FROM ${table}`)
  return rows
    .map((row) => ({
      key: keyIn(row.bytes('key')),
      timeMs: row.numberOrNull('time_ms') ?? undefined,
    }))
    .filter((traced) => isMeant(meant, traced))
    .map(({ key }) => key)
}
