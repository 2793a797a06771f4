/**
 * The rows of a file as events, read as the command line reads it: the columns of the text and of the right answer have the
 * names that a person gives, `id` and `event.<field>` are fields of the event, and every other column is a feature.
 */

export interface Columns {
  /** Undefined: inputs are no texts. */
  readonly text: string | undefined
  readonly answer: string
  /** The field of an event that the right answer is. */
  readonly field: string
}

export interface FileRow {
  readonly line: number
  /** What is no JSON is sent as a text, which the daemon refuses. */
  readonly row: unknown
}

/** CSV if its first line is no JSON. Throws a `SyntaxError` that says what a person can correct in it. */
export function rowsOf(text: string, columns: Columns): readonly FileRow[] {
  const rows = /^\s*[[{]/.test(text) ? lineRows(text, columns) : tableRows(text, columns)
  if (rows.length === 0) throw new SyntaxError('the file has no row to evaluate')
  return rows
}

function lineRows(text: string, columns: Columns): readonly FileRow[] {
  return text
    .split('\n')
    .flatMap((each, at) =>
      each.trim() === '' ? [] : [{ line: at + 1, row: rowIn(each, columns) }],
    )
}

/** An object without an input is a row of a table. */
function rowIn(line: string, columns: Columns): unknown {
  try {
    const value = JSON.parse(line) as object
    return 'input' in value ? value : eventOf(Object.entries(value), columns)
  } catch {
    return line
  }
}

function tableRows(text: string, columns: Columns): readonly FileRow[] {
  const [first = ''] = text.split('\n', 1)
  const count = (mark: string) => first.replace(/"[^"]*"/g, '').split(mark).length
  const separator = [',', ';', '\t'].reduce((best, each) =>
    count(each) > count(best) ? each : best,
  )
  const cell = new RegExp(
    `(?:"([^"]*(?:""[^"]*)*)"\r?|((?!")[^${separator}\n]*))(${separator}|\n)`,
    'y',
  )
  const all = `${text}\n`
  const rows: FileRow[] = []
  let header: readonly string[] | undefined
  let cells: string[] = []
  let [line, next] = [1, 1]
  while (cell.lastIndex < all.length) {
    const found = cell.exec(all)
    if (found === null) throw new SyntaxError(`line ${next} has a quote without its pair`)
    const [whole, quoted, plain = '', end] = found
    cells.push(quoted?.replaceAll('""', '"') ?? plain.trim())
    next += whole.split('\n').length - 1
    if (end === separator) continue
    if (cells.length > 1 || cells[0] !== '') {
      if (header === undefined) header = checked(cells, columns)
      else rows.push({ line, row: eventOf(named(header, cells, line), columns, valueOf) })
    }
    cells = []
    line = next
  }
  return rows
}

function checked(header: readonly string[], { text, answer }: Columns): readonly string[] {
  for (const column of [text, answer])
    if (column !== undefined && !header.includes(column))
      throw new SyntaxError(`the file has no column “${column}”; it has ${header.join(', ')}`)
  return header
}

function named(header: readonly string[], cells: readonly string[], line: number) {
  if (cells.length !== header.length)
    throw new SyntaxError(`line ${line} has ${cells.length} cells, the header ${header.length}`)
  return header.map((name, at) => [name, cells[at]] as const)
}

function eventOf(
  row: readonly (readonly [column: string, cell: unknown])[],
  { text, answer, field }: Columns,
  read = (cell: unknown) => cell,
): object {
  const event: Record<string, unknown> = {}
  const features: Record<string, unknown> = {}
  let input: object | undefined
  for (const [name, cell] of row) {
    if (cell === '' || cell === null) continue
    if (name === text) input = { text: cell }
    else if (name === answer) event[field] = field === 'value' ? read(cell) : textIn(cell)
    else if (name === 'id') event[name] = textIn(cell)
    else if (name.startsWith('event.')) event[name.slice(6)] = read(cell)
    else features[name] = read(cell)
  }
  return { ...event, input: input ?? { features } }
}

/** A class that is a number in the file is the name of a label. */
function textIn(cell: unknown): unknown {
  return typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : cell
}

/** As JSON writes a number: 01234 is a code, and stays text. */
function valueOf(cell: unknown): unknown {
  const text = String(cell)
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  return /^[+-]?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d+)?$/i.test(text) && /\d/.test(text)
    ? Number(text)
    : cell
}
