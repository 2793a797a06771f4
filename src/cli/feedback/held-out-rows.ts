/**
 * `--hold-out`: which rows of a file are evaluated and not taught. The hash of its input decides, so the choice is the same
 * each time and on any machine, rows that are added later move none, and a text that stands twice is never on both sides.
 */
import type { Readable } from 'node:stream'
import type { Json } from '../../contracts/core.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { failure } from '../../platform/errors.ts'
import { objectIn } from './csv-table.ts'
import { columnsOf, type RowFlags } from './feedback-flags.ts'
import { eventLines, formatOf } from './file-format.ts'
import type { SizedLine } from './read-lines.ts'

/** The rows of a file for one purpose; without `--hold-out` all of them. */
export function rowsFor(
  purpose: 'learning' | 'evaluation',
  stream: Readable,
  flags: RowFlags & { readonly file: string },
): AsyncIterable<SizedLine> {
  const { file, format, holdOut: share } = flags
  const lines = eventLines(stream, formatOf(file, format), columnsOf(flags))
  if (share === undefined) return lines
  if (file === '-')
    throw failure('USAGE', '--hold-out reads the file twice, and stdin can be read once', {
      fix: 'save it as a file first',
    })
  return chosen(lines, (line) => isHeldOut(line.text, share) === (purpose === 'evaluation'))
}

async function* chosen(
  lines: AsyncIterable<SizedLine>,
  isChosen: (line: SizedLine) => boolean,
): AsyncGenerator<SizedLine> {
  let skipped = 0
  for await (const line of lines) {
    if (!isChosen(line)) skipped += line.bytes
    else {
      yield { ...line, bytes: line.bytes + skipped }
      skipped = 0
    }
  }
}

/** A row without an input, such as a retraction, is always sent. */
function isHeldOut(text: string, share: number): boolean {
  const input = objectIn(text)?.input
  if (input === undefined) return false
  return place(typeof input === 'string' ? { text: input } : input) < share
}

/** Uniform in [0, 1). */
function place(input: Json): number {
  const DIGITS = 12
  return Number.parseInt(digestOf({ held_out: input }).slice(0, DIGITS), 16) / 16 ** DIGITS
}
