/**
 * Comma-separated values (RFC 4180): quoted cells may contain commas, line ends and doubled quotes. The separator is
 * the most frequent of comma, semicolon and tab in the header. Reads piece by piece, so that a file may have any size.
 */
import { failure } from '../../platform/errors.ts'

export interface CsvRow {
  /** Line of the file where the row begins. */
  readonly line: number
  readonly cells: readonly string[]
  readonly bytes: number
}

export function malformed(why: string): Error {
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
