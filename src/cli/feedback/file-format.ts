/** The format of a file of events or inputs: by its name, or as a flag says. */
import type { Readable } from 'node:stream'
import { mappedLines, tableLines, textLines, type Columns } from './csv.ts'
import { jsonLines, type SizedLine, textOf } from './read-lines.ts'

export type FileFormat = 'jsonl' | 'csv'

export function formatOf(path: string, asked: FileFormat | undefined): FileFormat {
  return asked ?? (/\.(csv|tsv)$/i.test(path) ? 'csv' : 'jsonl')
}

/** The events of a file; `columns` are those that its flags name. */
export function eventLines(
  stream: Readable,
  format: FileFormat,
  columns: Columns = {},
): AsyncGenerator<SizedLine> {
  if (format === 'csv') return tableLines(textOf(stream), columns)
  const lines = jsonLines(stream)
  const isMapped = Object.values(columns).some((column) => column !== undefined)
  return isMapped ? mappedLines(lines, columns) : textLines(lines)
}
