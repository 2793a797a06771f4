/**
 * Rows of a table as events and inputs. The columns `label`, `id` and `text`, or those that the caller names instead, are
 * fields of the event, `event.<field>` is any other field, and every other column is a feature. With a column `fields.<name>`, or
 * `fields.<name>.<kind>` such as `fields.photo.image`, the input has fields, and every other column is one, too. An empty cell is missing;
 * a cell of a CSV that looks like a number or like true and false is converted, and one of a picture is the path of its file.
 */
import type { Json } from '../../contracts/core.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { inputs } from '../../payloads/built-in.ts'
import { text } from '../../payloads/inputs/text.ts'
import { failure } from '../../platform/errors.ts'
import { besides, fileReaders, textWords, wordReaders } from './payload-flags.ts'
import type { SizedLine } from './read-lines.ts'

type Fields = Record<string, Json>

/** The columns of a file under other names than the event's. */
export interface Columns {
  readonly text?: string | undefined
  readonly label?: string | undefined
  readonly id?: string | undefined
}

interface TableRow {
  readonly line: number
  readonly bytes: number
  /** `label`, `id` and other fields of the event. */
  readonly fields: Readonly<Fields>
  /** Undefined if the row has no input. */
  readonly input: Json | undefined
}

export async function* tableRows(
  pieces: AsyncIterable<string>,
  columns: Columns = {},
): AsyncGenerator<TableRow> {
  let header: readonly string[] | undefined
  for await (const { line, cells, bytes } of csvRows(pieces)) {
    if (header === undefined) {
      header = renamed(checkedHeader(cells), columns, 'the CSV')
      continue
    }
    if (cells.length !== header.length)
      throw malformed(`line ${line} has ${cells.length} cells, the header ${header.length}`)
    const named = header.map((name, at) => [name, cells[at] ?? ''] as const)
    yield {
      line,
      bytes,
      ...rowOf(
        named
          .filter(([, cell]) => cell !== '')
          .map(([name, cell]) => [name, fileReaders.get(ownKind(name))?.(cell) ?? cell] as const),
        valueOf,
      ),
    }
  }
  if (header === undefined)
    throw malformed('the CSV has no header: add a line with the column names')
}

/** As events of JSONL. */
export async function* tableLines(
  pieces: AsyncIterable<string>,
  columns: Columns = {},
): AsyncGenerator<SizedLine> {
  for await (const { line, bytes, fields, input } of tableRows(pieces, columns))
    yield { number: line, text: eventText(fields, input), bytes }
}

/** Objects of any shape, one a line: their fields are the columns. What is no object is sent as it is, and refused. */
export async function* mappedLines(
  lines: AsyncIterable<SizedLine>,
  columns: Columns,
): AsyncGenerator<SizedLine> {
  for await (const line of lines) {
    const object = objectIn(line.text)
    if (object === undefined) yield line
    else {
      const names = renamed(Object.keys(object), columns, `line ${line.number}`)
      const named = names.map((name, at) => [name, Object.values(object)[at] ?? null] as const)
      const { fields, input } = rowOf(
        named.filter(([, value]) => value !== null && value !== ''),
        (value) => value,
      )
      yield { ...line, text: eventText(fields, input) }
    }
  }
}

/** A line of JSONL that is a text, or a pair, and its label, without an input: as in a CSV. */
export async function* textLines(lines: AsyncIterable<SizedLine>): AsyncGenerator<SizedLine> {
  for await (const line of lines) {
    const { text, text_pair, ...fields } = objectIn(line.text) ?? {}
    const isInput = typeof text === 'string' && !('input' in fields || 'prediction_id' in fields)
    const input = { text: text ?? null, ...(text_pair !== undefined && { text_pair }) }
    yield isInput ? { ...line, text: eventText(fields, input) } : line
  }
}

function eventText(fields: Readonly<Fields>, input: Json | undefined): string {
  return JSON.stringify({ ...fields, ...(input !== undefined && { input }) })
}

export function objectIn(text: string): Readonly<Fields> | undefined {
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Fields>)
      : undefined
  } catch {
    return undefined
  }
}

/** A column that has another one's name without being it is a feature of that name: `input.label`. */
function renamed(names: readonly string[], columns: Columns, where: string): readonly string[] {
  const wanted = Object.entries(columns).filter(([, column]) => column !== undefined)
  for (const [role, column] of wanted)
    if (!names.includes(column as string))
      throw failure('USAGE', `${where} has no column ${JSON.stringify(column)}`, {
        fix: `name one of its columns with --${role}-column: ${names.join(', ')}`,
      })
  return names.map((name) => {
    const role = wanted.find(([, column]) => column === name)?.[0]
    const isReplaced = wanted.some(([other]) => other === name)
    return role ?? (isReplaced ? `column ${name}` : name)
  })
}

function checkedHeader(cells: readonly string[]): readonly string[] {
  const twice = cells.find((name, at) => cells.indexOf(name) !== at)
  if (twice !== undefined) throw malformed(`the CSV has two columns ${JSON.stringify(twice)}`)
  if (cells.includes('')) throw malformed('a column of the CSV has no name')
  return cells
}

const ownColumns: ReadonlySet<string> = new Set(['label', 'id'])
const EVENT = 'event.'
const kinds: readonly InputKind[] = Object.values(inputs)
/** Kinds that stand in a column of their name, and the one that is the object of all other columns. */
const single = new Set(kinds.filter(({ columns }) => columns === 'own').map(({ name }) => name))
const gathered = kinds.find(({ columns }) => columns === 'others')?.name ?? ''

function rowOf<Cell extends Json>(
  named: readonly (readonly [name: string, cell: Cell])[],
  read: (cell: Cell) => Json,
) {
  const fields: Fields = {}
  const others: Fields = {}
  const parts: Fields = {}
  const alone: Fields = {}
  let input: Fields | undefined
  for (const [name, cell] of named) {
    if (single.has(name)) {
      input = { ...besideIn(input, name), [name]: cell }
      alone[name] = name === text.name ? cell : { [name]: cell }
    } else if (name.startsWith(FIELD)) parts[fieldIn(name)] = partOf(name, cell, read)
    else if (ownColumns.has(name)) fields[name] = asText(cell)
    else if (name.startsWith(EVENT)) {
      const field = name.slice(EVENT.length)
      const own = wordReaders.get(field)
      if (typeof cell === 'string' && own !== undefined) fields[field] = own(cell)
      else fields[field] = textWords.has(field) ? cell : read(cell)
    } else others[name] = read(cell)
  }
  if (Object.keys(parts).length > 0) input = { fields: { ...alone, ...others, ...parts } }
  if (Object.keys(others).length > 0) input ??= { [gathered]: others }
  return { fields, input }
}

/** What an earlier column says of the same input. */
function besideIn(input: Fields | undefined, name: string): Fields {
  const [other = ''] = Object.keys(input ?? {})
  const pairs = [
    [name, other],
    [other, name],
  ]
  const isOne = pairs.some(([one = '', another = '']) => besides.get(one)?.includes(another))
  return isOne ? { ...input } : {}
}

const FIELD = 'fields.'
/** `fields.photo.image` is the field `photo`, and its value an image. */
const kindIn = (name: string) => kinds.find((kind) => name.endsWith(`.${kind.name}`))?.name

function fieldIn(name: string): string {
  const kind = kindIn(name)
  return name.slice(FIELD.length, kind === undefined ? undefined : -kind.length - 1)
}

function partOf<Cell extends Json>(name: string, cell: Cell, read: (cell: Cell) => Json): Json {
  const kind = kindIn(name)
  return kind === undefined ? read(cell) : { [kind]: cell }
}

function ownKind(name: string): string {
  return name.startsWith(FIELD) ? (kindIn(name) ?? '') : name
}

/** A class that is a number in the file is the name of a label. */
function asText(cell: Json): Json {
  return typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : cell
}

/** As JSON writes a number: 01234 is a code, and stays text. */
const NUMBER = /^[+-]?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d+)?$/i

function valueOf(cell: string): Json {
  if (/^(true|false)$/i.test(cell)) return cell.toLowerCase() === 'true'
  return NUMBER.test(cell) && /\d/.test(cell) ? Number(cell) : cell
}

/**
 * Comma-separated values (RFC 4180): quoted cells may contain commas, line ends and doubled quotes. The separator is
 * the most frequent of comma, semicolon and tab in the header. Reads piece by piece, so that a file may have any size.
 */
interface CsvRow {
  /** Line of the file where the row begins. */
  readonly line: number
  readonly cells: readonly string[]
  readonly bytes: number
}

function malformed(why: string): Error {
  return failure('USAGE', why, {
    fix: 'the first line names the columns, every row has as many cells, and a quote within a quoted cell is doubled',
  })
}

/** Blank lines are skipped. */
export async function* csvRows(pieces: AsyncIterable<string>): AsyncGenerator<CsvRow> {
  let text = ''
  let line = 1
  let separator: string | undefined
  for await (const record of recordsOf(pieces)) {
    text = line === 1 ? record.replace(/^\uFEFF/, '') : record
    if (text.trim() !== '') {
      separator ??= separatorOf(text)
      const cells = cellsOf(text, separator, line)
      yield { line, cells, bytes: Buffer.byteLength(record) + 1 }
    }
    line += record.split('\n').length
  }
}

/** Pieces cut at line ends outside quotes. */
async function* recordsOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  let isQuoted = false
  for await (const piece of pieces) {
    let from = 0
    for (let at = 0; at < piece.length; at += 1) {
      const mark = piece[at]
      if (mark === '"') isQuoted = !isQuoted
      else if (mark === '\n' && !isQuoted) {
        yield (rest + piece.slice(from, at)).replace(/\r$/, '')
        rest = ''
        from = at + 1
      }
    }
    rest += piece.slice(from)
  }
  if (isQuoted) throw malformed('the CSV ends inside a quoted cell')
  if (rest !== '') yield rest.replace(/\r$/, '')
}

function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '')
  const count = (mark: string) => bare.split(mark).length
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best))
}

function cellsOf(text: string, separator: string, line: number): readonly string[] {
  const cells: string[] = []
  for (let at = 0; at <= text.length;) {
    if (text[at] !== '"') {
      const end = text.indexOf(separator, at)
      const to = end < 0 ? text.length : end
      cells.push(text.slice(at, to).trim())
      at = to + 1
      continue
    }
    const end = closingQuote(text, at + 1)
    const next = text[end + 1]
    if (next !== undefined && next !== separator)
      throw malformed(`line ${line}: a quoted cell is followed by ${JSON.stringify(next)}`)
    cells.push(text.slice(at + 1, end).replaceAll('""', '"'))
    at = end + 2
  }
  return cells
}

/** A doubled quote means one quote. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (text[at + 1] === '"') at = text.indexOf('"', at + 2)
  return at < 0 ? text.length : at
}
