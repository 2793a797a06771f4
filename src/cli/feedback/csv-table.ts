/**
 * A table as events and inputs. The header names the columns: `label`, `id` and `text` are fields of the event,
 * `event.<field>` any other field, and every other column is a feature. An empty cell is missing; a cell that looks
 * like a number or like true and false is converted.
 */
import type { Json } from '../../contracts/core.ts'
import { csvRows, malformed } from './csv.ts'
import type { SizedLine } from './read-lines.ts'

type Fields = Record<string, Json>

export interface TableRow {
  readonly line: number
  readonly bytes: number
  /** `label`, `id` and other fields of the event. */
  readonly fields: Readonly<Fields>
  /** Undefined if the row has no input. */
  readonly input: Json | undefined
}

export async function* tableRows(pieces: AsyncIterable<string>): AsyncGenerator<TableRow> {
  let header: readonly string[] | undefined
  for await (const { line, cells, bytes } of csvRows(pieces)) {
    if (header === undefined) {
      header = checkedHeader(cells)
      continue
    }
    if (cells.length !== header.length)
      throw malformed(`line ${line} has ${cells.length} cells, the header ${header.length}`)
    yield { line, bytes, ...rowOf(header, cells) }
  }
  if (header === undefined)
    throw malformed('the CSV has no header: add a line with the column names')
}

/** As events of JSONL. */
export async function* tableLines(pieces: AsyncIterable<string>): AsyncGenerator<SizedLine> {
  for await (const { line, bytes, fields, input } of tableRows(pieces)) {
    const event = { ...fields, ...(input !== undefined && { input }) }
    yield { number: line, text: JSON.stringify(event), bytes }
  }
}

function checkedHeader(cells: readonly string[]): readonly string[] {
  const twice = cells.find((name, at) => cells.indexOf(name) !== at)
  if (twice !== undefined) throw malformed(`the CSV has two columns ${JSON.stringify(twice)}`)
  if (cells.includes('')) throw malformed('a column of the CSV has no name')
  return cells
}

const ownColumns: ReadonlySet<string> = new Set(['label', 'id'])
const EVENT = 'event.'
/** Fields of an event that are texts, also where one looks like a number. */
const texts: ReadonlySet<string> = new Set(['completion', 'chosen', 'rejected'])

function rowOf(header: readonly string[], cells: readonly string[]) {
  const fields: Fields = {}
  const features: Fields = {}
  let text: string | undefined
  for (const [at, name] of header.entries()) {
    const cell = cells[at] ?? ''
    if (cell === '') continue
    if (name === 'text') text = cell
    else if (ownColumns.has(name)) fields[name] = cell
    else if (name.startsWith(EVENT)) setField(fields, name.slice(EVENT.length), cell)
    else features[name] = valueOf(cell)
  }
  const hasFeatures = Object.keys(features).length > 0
  const input = text === undefined ? (hasFeatures ? { features } : undefined) : { text }
  return { fields, input }
}

function setField(fields: Fields, name: string, cell: string): void {
  fields[name] = texts.has(name) ? cell : valueOf(cell)
}

/** As JSON writes a number: 01234 is a code, and stays text. */
const NUMBER = /^[+-]?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d+)?$/i

function valueOf(cell: string): Json {
  if (/^(true|false)$/i.test(cell)) return cell.toLowerCase() === 'true'
  return NUMBER.test(cell) && /\d/.test(cell) ? Number(cell) : cell
}
