/**
 * Converts a fetched record to a record of a source: the original bytes, truncated if too long, and copied out of the
 * fetch, which would otherwise stay in memory as long as any of its records.
 */
import { isUtf8 } from 'node:buffer'
import type { SourceRecord } from '../../src/contracts/source.ts'
import type { FetchedPlace } from './backlog.ts'
import type { FetchedRecord } from './record-batch.ts'
import { placeText } from './place.ts'
import { Varints } from './varints.ts'

export function recordOf(
  { partition, record, id }: FetchedPlace,
  eventBytes: number,
): SourceRecord {
  const { at, key, timeMs, headers } = record
  const { value, refused } = content(record, eventBytes)
  // Assigned one by one: spreading takes longer than all the rest.
  const made: Writable<SourceRecord> = {
    partition: partition.name,
    position: String(at),
    next: placeText({ offset: at + 1, id }),
    value,
  }
  if (refused !== undefined) made.refused = refused
  if (key !== null) made.key = Buffer.from(key)
  if (headers !== undefined) made.headers = headersOf(headers)
  if (timeMs >= 0) made.timeMs = timeMs
  return made
}

type Writable<Read> = { -readonly [Key in keyof Read]: Read[Key] }

type Content = Pick<SourceRecord, 'value' | 'refused'>

function content({ value, key, refused }: FetchedRecord, eventBytes: number): Content {
  if (value === null) return tombstone(key)
  const cut = Buffer.from(value.subarray(0, eventBytes + 1))
  return refused === undefined ? { value: cut } : { value: cut, refused }
}

/** A tombstone is Kafka's way to delete a key. The event with that id is retracted. */
function tombstone(key: Buffer | null): Content {
  if (key !== null && key.length > 0 && isUtf8(key))
    return { value: Buffer.from(JSON.stringify({ id: key.toString(), retract: true })) }
  const reason = 'the key of this tombstone is not text, so it identifies no event'
  return { value: new Uint8Array(), refused: { code: 'EVENT_INVALID', reason } }
}

/** If a name occurs twice, the last one counts, as in Kafka's own `lastHeader`. */
function headersOf(bytes: Buffer): Readonly<Record<string, string | Uint8Array>> {
  const reader = new Varints(bytes)
  const count = reader.int()
  const entries: [string, string | Uint8Array][] = []
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes()
    const value = reader.bytes()
    if (name !== null && value !== null) entries.push([name.toString(), textOrBytes(value)])
  }
  return Object.fromEntries(entries)
}

function textOrBytes(value: Buffer): string | Uint8Array {
  return isUtf8(value) ? value.toString() : Buffer.from(value)
}
