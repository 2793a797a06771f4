/**
 * `evaluate`: the rows of a file in requests of bounded size. The daemon scores them; each request carries the tally of those
 * before, and the report of the last answer is that of the file.
 */
import type { Readable } from 'node:stream'
import type { CodedError, Json } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import type { Evaluation } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { percent, print, short, table } from '../print.ts'
import { openProgress } from '../progress.ts'
import { connectModel, type Connection } from '../remote/connect.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { type RowFlags, columnsOf } from './flags.ts'
import { chunksOf, inHalves, openLines, type Line, type SizedLine } from './read-lines.ts'
import { rejectedLines, withoutRows, type RejectedLine, sendingRetry } from './send-event.ts'
import { objectIn } from './csv.ts'
import { eventLines, formatOf } from './file-format.ts'

export interface EvaluateFlags extends ClientFlags, RowFlags {
  readonly version?: string
  readonly against?: string
  readonly retrySeconds: number
}

type FileFlags = Omit<EvaluateFlags, 'file'> & { readonly file: string }

export interface FileEvaluation extends Omit<Evaluation, 'rejected' | 'tally'> {
  /** By line of the file. */
  readonly rejected: readonly RejectedLine[]
}

type EvaluationReport = Evaluation['report']

const EXIT_DATA = 65
/** A quarter of the default body limit: the tally needs room too. */
const BYTES = 64 * 1024
/** Rows of a request: few until it is known how long they take. A text takes seconds. */
const ROWS = { first: 8, most: 128, quickMs: 1000, slowMs: 10_000 }

export async function evaluate(flags: EvaluateFlags): Promise<void> {
  const { file } = flags
  if (file === undefined) throw failure('USAGE', 'evaluate scores the rows of a --file')
  const connected = await connectModel(flags)
  const found = await evaluateFile(connected, { ...flags, file })
  print(flags.json, found, () => evaluationLines(found))
  if (found.rejected.length > 0) process.exitCode = EXIT_DATA
}

export async function evaluateFile({ api }: Connection, flags: FileFlags): Promise<FileEvaluation> {
  const { totalBytes: total, stream } = await openLines(flags.file)
  const progress = openProgress({ clock: systemClock, unit: 'rows' })
  const rejected: RejectedLine[] = []
  const { version, against } = flags
  const named = { ...(version && { version }), ...(against && { against }) }
  let answer: Evaluation | undefined
  const limits = { lines: ROWS.first, bytes: BYTES }
  let [done, items] = [0, 0]
  const score = async (part: readonly Row[]) => {
    const asked = answer === undefined ? named : { tally: answer.tally }
    const body = { ...asked, rows: part.map(({ row }) => row) }
    const retry = sendingRetry(flags.retrySeconds, progress)
    answer = await retry.run('evaluating rows', async () => api.evaluate(body))
    for (const { index, ...refusal } of answer.rejected)
      rejected.push({ line: part[index]?.line ?? 0, ...refusal })
  }
  try {
    for await (const { lines, bytes } of chunksOf(rowsFor('evaluation', stream, flags), limits)) {
      const begunMs = systemClock.monotonicMs()
      await inHalves(rowsIn(lines, rejected), score, ({ line }, { code, message }) => {
        rejected.push({ line, code, message })
      })
      const tookMs = systemClock.monotonicMs() - begunMs
      if (tookMs < ROWS.quickMs) limits.lines = Math.min(ROWS.most, 2 * limits.lines)
      else if (tookMs > ROWS.slowMs) limits.lines = Math.max(1, Math.floor(limits.lines / 2))
      done += bytes
      items += lines.length
      progress.update({ done, total, items })
    }
  } finally {
    progress.end()
  }
  if (answer === undefined) throw noRows(flags, rejected)
  const { tally: _tally, ...found } = answer
  return { ...found, rejected }
}

interface Row {
  readonly line: number
  readonly row: Json
}

/** The daemon judges what is JSON. */
function rowsIn(lines: readonly Line[], rejected: RejectedLine[]): readonly Row[] {
  return lines.flatMap(({ number: line, text }) => {
    try {
      return [{ line, row: JSON.parse(text) as Json }]
    } catch {
      rejected.push({ line, code: 'EVENT_MALFORMED', message: 'it is no JSON' })
      return []
    }
  })
}

function noRows({ file, holdOut }: FileFlags, rejected: readonly RejectedLine[]): CodedError {
  const [first] = rejected
  if (first !== undefined)
    return failure('EVENT_MALFORMED', `line ${first.line} of ${file}: ${first.message}`)
  if (holdOut === undefined) return withoutRows(file)
  return failure('USAGE', `${file} has no row among the ${100 * holdOut} % that are held out`, {
    fix: 'hold out a larger share, or send more rows',
  })
}

/** More do not fit on a screen; `--json` has all. */
const MOST = 20

export function evaluationLines({ report, rejected }: FileEvaluation): string[] {
  const { rows, version, against, difference, measure } = report
  const of = measure === 'accuracy' ? percent : short
  const scores = [version, against].flatMap((score) =>
    score === undefined ? [] : [[score.version, of(score.mean), rangeOf(score, of), String(rows)]],
  )
  const head = [['version', names[measure], '95 % interval', 'rows']]
  return [
    ...(rows === 0 ? ['no row could be evaluated'] : table([...head, ...scores])),
    ...(difference === undefined ? [] : differenceLines(report, difference)),
    ...labelLines(version),
    ...rejectedLines(rejected),
  ]
}

const names = {
  accuracy: 'accuracy',
  absolute_error: 'mean absolute error',
  error: 'mean error',
  loss: 'loss of a token',
}

type Score = EvaluationReport['version'] & {}

function rangeOf({ low, high }: Pick<Score, 'low' | 'high'>, of: (value: number) => string) {
  return low === undefined || high === undefined ? '-' : `${of(low)} to ${of(high)}`
}

function differenceLines(
  { version, against, measure }: EvaluationReport,
  { mean, better, worse, verdict, ...range }: EvaluationReport['difference'] & {},
): string[] {
  const isShare = measure === 'accuracy'
  const of = (value: number) =>
    `${value > 0 ? '+' : ''}${isShare ? (100 * value).toFixed(1) : short(value)}`
  const unit = isShare ? ' points' : ''
  const pair = `${version?.version} against ${against?.version}`
  const verdicts = {
    ...{ better: `${version?.version} is better`, worse: `${version?.version} is worse` },
    undecided: 'these rows do not show which is better',
  }
  return [
    `${pair}: ${of(mean)}${unit}, 95 % interval ${rangeOf(range, of)}: ${verdicts[verdict]}`,
    `  better on ${better} rows, worse on ${worse}`,
  ]
}

function labelLines(version: EvaluationReport['version']): string[] {
  const { strata = [], confusion = [], unlisted = 0 } = version ?? {}
  if (strata.length === 0) return []
  const share = (value: number | null) => (value === null ? '-' : percent(value))
  const rows = strata.map(({ name, count, precision, recall }) => [
    ...[name, String(count), share(precision), share(recall)],
  ])
  const wrong = confusion.filter(({ said, right }) => said !== right)
  const cells = wrong.map(({ said, right, count }) => [said || '(none)', right, String(count)])
  const more = (all: readonly unknown[]) =>
    all.length > MOST ? [`… and ${all.length - MOST} more (--json lists them all)`] : []
  return [
    ...[
      '',
      ...table([['label', 'rows', 'precision', 'recall'], ...rows.slice(0, MOST)]),
      ...more(rows),
    ],
    ...(cells.length === 0
      ? []
      : ['', ...table([['said', 'right', 'times'], ...cells.slice(0, MOST)]), ...more(cells)]),
    ...(unlisted > 0 ? [`${unlisted} more rows are in the accuracy only`] : []),
  ]
}

/**
 * `--hold-out`: which rows of a file are evaluated and not taught. The hash of its input decides, so the choice is the same
 * each time and on any machine, rows that are added later move none, and a text that stands twice is never on both sides.
 *
 * The rows of a file for one purpose; without `--hold-out` all of them.
 */
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
