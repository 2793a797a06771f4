/** Examples in a row as one blob and its header, for columns of the checkpoint: a row for each would cost more than the rest of its intake. */
import { identityOf } from '../intake/events/event-key.ts'
import type { ExampleKey } from '../contracts/core.ts'
import type { Example, Target } from '../contracts/example.ts'
import { failure } from '../platform/errors.ts'
import { hasIds, headerOf, rowOf } from '../payloads/rows.ts'

interface ExamplePack {
  /** JSON: of each example all but its numbers, and how many these are. */
  readonly header: string
  /** The numbers, one example after the other. */
  readonly data: Uint8Array
}

type Entry = readonly [
  key: ExampleKey,
  /** `headerOf`. */
  kind: string,
  length: number,
  target: Target,
  weight: number,
  predictionId: string | null,
  timeMs?: number | null,
  slice?: string,
]

const NUMBER_BYTES = 4

export function packExamples(examples: readonly Example[]): ExamplePack {
  const entries: Entry[] = []
  let length = 0
  for (const { key, encoded, target, weight, predictionId = null, timeMs, slice } of examples) {
    const { length: count } = encoded.data
    const entry = [key, headerOf(encoded), count, target, weight, predictionId] as const
    if (slice !== undefined) entries.push([...entry, timeMs ?? null, slice])
    else entries.push(timeMs === undefined ? entry : [...entry, timeMs])
    length += count
  }
  // Floats are laid in as they are, bit for bit.
  const ids = new Int32Array(length)
  const values = new Float32Array(ids.buffer)
  let at = 0
  for (const { encoded } of examples) {
    const of = hasIds(encoded) ? ids : values
    of.set(encoded.data, at)
    at += encoded.data.length
  }
  return { header: JSON.stringify(entries), data: new Uint8Array(ids.buffer) }
}

export function unpackExamples({ header, data }: ExamplePack): readonly Example[] {
  const entries = JSON.parse(header) as readonly Entry[]
  const length = entries.reduce((sum, [, , length]) => sum + length, 0)
  if (length * NUMBER_BYTES !== data.byteLength) {
    const belong = length * NUMBER_BYTES
    throw failure('STORE_CORRUPT', `${data.byteLength} bytes of examples where ${belong} belong`)
  }
  const { buffer } = data.slice()
  let from = 0
  return entries.map(([key, kind, length, target, weight, predictionId, timeMs = null, slice]) => {
    const encoded = rowOf(kind, buffer.slice(from, from + length * NUMBER_BYTES))
    from += length * NUMBER_BYTES
    return {
      ...{ key, ...identityOf(key), encoded, target, weight },
      ...(predictionId !== null && { predictionId }),
      ...(timeMs !== null && { timeMs }),
      ...(slice !== undefined && { slice }),
    }
  })
}

/** The facts in the header of each example, without its input. */
function factsOfExamples(header: string) {
  const entries = JSON.parse(header) as readonly Entry[]
  return entries.map(([key, , , , weight, predictionId, timeMs = null, slice]) => ({
    ...{ key, weight },
    ...(predictionId !== null && { predictionId }),
    ...(timeMs !== null && { timeMs }),
    ...(slice !== undefined && { slice }),
  }))
}

/** Why an event was refused, or is in quarantine. */
export interface EventNote {
  readonly code: string
  readonly message: string
}

export interface LoggedRow {
  readonly key: ExampleKey
  /** Absent if it never was an example, or if its content was removed. */
  readonly example?: Example
  readonly note?: EventNote
}

interface RowPack extends ExamplePack {
  /** JSON: rows without an example, and rows with a note; null = none. */
  readonly rest: string | null
}

/** The key is null if the row has an example. */
type Rest = readonly [
  offset: number,
  key: ExampleKey | null,
  code: string | null,
  message: string | null,
]

export function packRows(rows: readonly LoggedRow[]): RowPack {
  const rest: Rest[] = []
  for (const [offset, { key, example, note }] of rows.entries())
    if (example === undefined || note !== undefined)
      rest.push([offset, example ? null : key, note?.code ?? null, note?.message ?? null])
  const examples = rows.flatMap(({ example }) => example ?? [])
  return { ...packExamples(examples), rest: rest.length === 0 ? null : JSON.stringify(rest) }
}

export function unpackRows(count: number, pack: RowPack): readonly LoggedRow[] {
  const examples = unpackExamples(pack)
  return placed(count, pack.rest, examples.length).map(({ at, key, note }) => {
    const example = at === undefined ? undefined : examples[at]
    const own = example?.key ?? key
    if (own === undefined) throw failure('STORE_CORRUPT', 'a row of the event log has no event')
    return { key: own, ...(example && { example }), ...(note && { note }) }
  })
}

/** The facts of an event that are known without reading its input. */
export interface RowTrace extends Pick<LoggedRow, 'key' | 'note'> {
  readonly predictionId?: string
  readonly timeMs?: number
  readonly slice?: string
  readonly weight?: number
}

/** As `unpackRows`, without the numbers of the examples. */
export function tracesIn(
  count: number,
  { header, rest }: Pick<RowPack, 'header' | 'rest'>,
): readonly RowTrace[] {
  const examples = factsOfExamples(header)
  return placed(count, rest, examples.length).map(({ at, key, note }) => {
    const own = at === undefined ? undefined : examples[at]
    return { ...(own ?? { key: key ?? ('' as ExampleKey) }), ...(note && { note }) }
  })
}

interface RowPlace {
  /** The place of its example among the examples. */
  readonly at?: number
  readonly key?: ExampleKey
  readonly note?: EventNote
}

function placed(count: number, text: string | null, examples: number): readonly RowPlace[] {
  const rest = new Map(
    (text === null ? [] : (JSON.parse(text) as readonly Rest[])).map((row) => [row[0], row]),
  )
  let at = 0
  const rows = Array.from({ length: count }, (_, offset): RowPlace => {
    const [, key = null, code = null, message = null] = rest.get(offset) ?? []
    const note = code === null ? {} : { note: { code, message: message ?? '' } }
    if (key !== null) return { key, ...note }
    at += 1
    return { at: at - 1, ...note }
  })
  if (at === examples) return rows
  throw failure('STORE_CORRUPT', `${examples} examples in the event log where ${at} belong`)
}
