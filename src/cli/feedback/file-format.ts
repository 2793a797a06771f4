/** The format of a file of events or inputs: by its name, or as a flag says. */
import type { Readable } from 'node:stream'
import { tableLines } from './csv-table.ts'
import { jsonLines, type SizedLine } from './read-lines.ts'
import { textOf } from './utf8-text.ts'

export type FileFormat = 'jsonl' | 'csv'

export function formatOf(path: string, asked: FileFormat | undefined): FileFormat {
  return asked ?? (/\.(csv|tsv)$/i.test(path) ? 'csv' : 'jsonl')
}

export function eventLines(stream: Readable, format: FileFormat): AsyncGenerator<SizedLine> {
  return format === 'csv' ? tableLines(textOf(stream)) : jsonLines(stream)
}
