/** `feedback --file … --dry-run`: the first events of a file as they would be sent, without a daemon. */
import { failure } from '../../platform/errors.ts'
import { print } from '../print.ts'
import { objectIn } from './csv-table.ts'
import { columnsOf, type FeedbackFlags } from './feedback-flags.ts'
import { eventLines, formatOf } from './file-format.ts'
import { openLines, type Line } from './read-lines.ts'

const SHOWN = 3

export async function showRows(flags: FeedbackFlags): Promise<void> {
  const { file, format } = flags
  if (file === undefined) throw failure('USAGE', '--dry-run shows rows of a --file')
  const { stream } = await openLines(file)
  const rows: Line[] = []
  for await (const { number, text } of eventLines(
    stream,
    formatOf(file, format),
    columnsOf(flags),
  )) {
    rows.push({ number, text })
    if (rows.length === SHOWN) break
  }
  stream.destroy()
  print(flags.json, { rows: rows.map(({ number, text }) => ({ line: number, text })) }, () => [
    ...rows.map(({ number, text }) => `line ${number}: ${text}`),
    ...hints(rows),
    'nothing was sent',
  ])
}

const signals = ['label', 'value', 'rating', 'correction', 'completion', 'chosen', 'retract']

/** What a file lacks when its columns have other names. */
function hints(rows: readonly Line[]): string[] {
  if (rows.length === 0) return ['the file holds no event']
  const fields = new Set(rows.flatMap(({ text }) => Object.keys(objectIn(text) ?? {})))
  const has = (names: readonly string[]) => names.some((name) => fields.has(name))
  return [
    ...(has(['input', 'prediction_id', 'retract'])
      ? []
      : ['no input: name the column of the text with --text-column']),
    ...(has(signals) ? [] : ['no right answer: name the column of the label with --label-column']),
  ]
}
