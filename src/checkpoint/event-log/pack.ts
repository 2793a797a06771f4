/** Rows of the event log in one row of the checkpoint: their examples packed, and additional facts about some of them. */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { failure } from '../../platform/errors.ts'
import { factsOfExamples, packExamples, unpackExamples, type ExamplePack } from '../example-pack.ts'

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

export interface RowPack extends ExamplePack {
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
