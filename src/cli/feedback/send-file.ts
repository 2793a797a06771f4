/**
 * Sends a file of feedback in chunks. An event's id makes sending it twice harmless, so a chunk without an answer is
 * sent again, and an interrupted file is sent again from its start: events accepted before count as duplicates.
 */
import { CodedError } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { withDetails, failure } from '../../platform/errors.ts'
import { caseTwins } from '../../platform/nearest.ts'
import type { FeedbackAnswer } from '../../client/client.ts'
import { Lines } from '../../client/http.ts'
import { connectModel, type Connection } from '../remote/connect.ts'
import { harmless, print } from '../print.ts'
import { openProgress } from '../progress.ts'
import type { RetryPolicy } from '../../platform/retry.ts'
import { outcomeText, waitForLearned, type WaitOutcome, waitingFor } from '../remote/wait-for.ts'
import { objectIn } from './csv.ts'
import { evaluateFile, evaluationLines, type FileEvaluation, rowsFor } from './evaluate-file.ts'
import { type FeedbackFlags, columnsOf } from './flags.ts'
import { chunksOf, inHalves, openLines, type Line } from './read-lines.ts'
import { rejectedLines, withoutRows, type RejectedLine, sendingRetry } from './send-event.ts'
import { eventLines, formatOf } from './file-format.ts'

/** Half of the default body limit, so that a daemon with a lower limit still accepts most chunks whole. */
const CHUNK = { lines: 500, bytes: 128 * 1024 }
const EXIT_DATA = 65

interface Totals {
  accepted: number
  duplicates: number
  readonly rejected: RejectedLine[]
  /** The position in the last answer. */
  position?: string
  pending?: number
  trigger_every?: number
  trigger_rest_ms?: number
  /** Consecutive refused events, up to the last one. */
  straight: number
  /** The line after which nothing was sent, because too many in a row were refused. */
  stopped?: number | undefined
  /** The version that is live when everything is learned. */
  live?: string | undefined
}

/** More labels than these are not compared. */
const LABELS_COMPARED = 1024

type FileFlags = FeedbackFlags & { readonly file: string }

export async function sendFile(flags: FileFlags): Promise<void> {
  const { totalBytes: total, stream } = await openLines(flags.file)
  const connected = await connectModel(flags)
  const totals: Totals = { accepted: 0, duplicates: 0, rejected: [], straight: 0 }
  const progress = openProgress({ clock: systemClock, unit: 'events' })
  let [done, items] = [0, 0]
  const most = flags.stopAfter
  // Small ones until something is accepted, so that an entirely wrong file does not send hundreds of events.
  const limits = { ...CHUNK, lines: most === 0 ? CHUNK.lines : Math.min(CHUNK.lines, most) }
  const labels = new Set<string>()
  const source = rowsFor('learning', stream, flags)
  try {
    for await (const { lines, bytes } of chunksOf(source, limits)) {
      await sendChunk(connected, lines, totals, sendingRetry(flags.retrySeconds, progress))
      for (const { text } of lines) {
        const label = objectIn(text)?.label
        if (typeof label === 'string' && labels.size < LABELS_COMPARED) labels.add(label)
      }
      done += bytes
      items += lines.length
      progress.update({ done, total, items })
      totals.stopped = stoppedAt(lines, totals, most)
      if (totals.stopped !== undefined) break
      if (totals.accepted > 0) limits.lines = CHUNK.lines
    }
  } catch (error) {
    throw withSent(error, totals)
  } finally {
    progress.end()
  }
  if (items === 0 && flags.holdOut === undefined) throw withoutRows(flags.file)
  for (const twins of caseTwins(labels))
    process.stderr.write(`warning: the labels ${harmless(twins)} differ only in case\n`)
  let outcome: WaitOutcome | undefined
  if (flags.wait === true || flags.holdOut !== undefined) {
    const { position } = totals
    outcome = await waitForLearned(connected, position, flags.retrySeconds, countsOf(totals))
    totals.live = outcome?.version
  }
  const { straight: _straight, ...told } = totals
  const heldOut =
    flags.holdOut !== undefined && totals.stopped === undefined
      ? await evaluateHeldOut(connected, flags, totals)
      : undefined
  const sent = { model: connected.model, events: items, ...told }
  print(flags.json, { ...sent, ...(heldOut && { held_out: heldOut }) }, () => [
    ...summary(totals, outcome),
    ...(heldOut ? heldOutLines(heldOut, flags) : []),
  ])
  if (totals.rejected.length + (heldOut?.rejected.length ?? 0) > 0) process.exitCode = EXIT_DATA
}

/** By the version that has learned the rest. */
async function evaluateHeldOut(
  connected: Connection,
  flags: FileFlags,
  totals: Totals,
): Promise<FileEvaluation & { readonly pending: number }> {
  const { live: version } = totals
  try {
    const { pending } = await connected.api.describe()
    const found = await evaluateFile(connected, { ...flags, ...(version && { version }) })
    return { ...found, pending }
  } catch (error) {
    throw withSent(error, totals)
  }
}

function heldOutLines(
  heldOut: FileEvaluation & { readonly pending: number },
  { file, holdOut = 0 }: FileFlags,
): string[] {
  const { report, pending, model } = heldOut
  const waits = `; ${pending} of those sent wait for the next update, and ${heldOut.version} lacks them`
  return [
    '',
    `held out, and not sent: ${report.rows} rows${pending > 0 ? waits : ''}`,
    ...evaluationLines(heldOut),
    `  score another version on them: antikythera evaluate ${model} --file ${file} --hold-out ${holdOut}`,
  ]
}

/** A file may end in an error after a part of it was sent. */
function withSent(error: unknown, totals: Totals): unknown {
  const { accepted, duplicates, rejected } = totals
  const isSent = accepted + duplicates + rejected.length > 0
  if (!isSent || !(error instanceof CodedError)) return error
  const message = `${error.message} (sent before: ${countsOf(totals)})`
  return withDetails(error, { accepted, duplicates, rejected: rejected.length }, message)
}

/** Counted over chunks: `rejected` names lines, which increase. */
function stoppedAt(lines: readonly Line[], totals: Totals, most: number): number | undefined {
  const refused = new Set(totals.rejected.slice(-lines.length).map(({ line }) => line))
  for (const { number } of lines) {
    totals.straight = refused.has(number) ? totals.straight + 1 : 0
    if (most > 0 && totals.straight >= most) return lines.at(-1)?.number
  }
  return undefined
}

async function sendChunk(
  connected: Connection,
  lines: readonly Line[],
  totals: Totals,
  retry: RetryPolicy,
): Promise<void> {
  const send = async (part: readonly Line[]) => {
    const texts = new Lines(part.map(({ text }) => text))
    const post = async () => connected.api.feedback(texts)
    const waiting = add(totals, part, await retry.run('sending feedback', post))
    // The daemon refuses them until their source may send again, and says when.
    if (waiting.length > 0) await sendChunk(connected, waiting, totals, retry)
  }
  await inHalves(lines, send, ({ number: line }, { code, message }) => {
    totals.rejected.push({ line, code, message })
  })
}

/** Returns the lines that must be sent again, because their source sends too many events per second. */
function add(totals: Totals, lines: readonly Line[], answer: FeedbackAnswer): readonly Line[] {
  const { accepted, duplicates, rejected } = answer
  const { position, pending, trigger_every, trigger_rest_ms } = answer
  Object.assign(totals, { position, pending, trigger_every, trigger_rest_ms })
  totals.accepted += accepted
  totals.duplicates += duplicates
  const waiting: Line[] = []
  for (const { index, ...refusal } of rejected) {
    const line = lines[index]
    if (refusal.code === 'SOURCE_RATE_LIMITED' && line !== undefined) waiting.push(line)
    else totals.rejected.push({ line: line?.number ?? 0, ...refusal })
  }
  return waiting
}

function summary(totals: Totals, outcome: WaitOutcome | undefined): string[] {
  const { accepted, rejected } = totals
  const counts = countsOf(totals)
  const next = outcome === undefined ? waitingFor(totals) : `; ${outcomeText(outcome)}`
  return [
    accepted > 0 ? `${counts}${next}` : counts,
    ...rejectedLines(rejected),
    ...stopLines(totals),
  ]
}

function countsOf({ accepted, duplicates, rejected }: Totals): string {
  return `${accepted} accepted, ${duplicates} already known, ${rejected.length} rejected`
}

function stopLines({ stopped, straight, rejected }: Totals): string[] {
  if (stopped === undefined) return []
  const why = rejected.at(-1)
  return [
    `stopped: the last ${straight} events in a row were refused (${why?.code}: ${why?.message})`,
    `  nothing after line ${stopped} was sent; correct the file and send it again: accepted events count as already known`,
    '  --stop-after 0 sends all of it in spite of refusals',
  ]
}

/**
 * `feedback --file … --dry-run`: the first events of a file as they would be sent, without a daemon.
 */
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
