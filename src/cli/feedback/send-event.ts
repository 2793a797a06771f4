/** Sends one event that was given as flags. */
import type { Json, CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { FeedbackAnswer, RejectedEvent } from '../../client/client.ts'
import { connectModel } from '../remote/connect.ts'
import { print } from '../print.ts'
import { outcomeText, waitForLearned, waitingFor } from '../remote/wait-for.ts'
import { systemClock } from '../../platform/clock.ts'
import { RetryPolicy } from '../../platform/retry.ts'
import type { Progress } from '../progress.ts'
import type { FeedbackFlags } from './flags.ts'
import { inputIn, shownFlags, signalIn } from './payload-flags.ts'

export async function sendEvent(flags: FeedbackFlags): Promise<void> {
  const event = eventOf(flags)
  const connected = await connectModel(flags)
  const answer = await connected.api.feedback(event)
  if (flags.wait === true) {
    const accepted = answer.accepted === 1 ? 'accepted' : 'already known'
    const outcome = await waitForLearned(connected, answer.position, flags.retrySeconds, accepted)
    print(flags.json, { ...answer, live: outcome?.version ?? null }, () => [
      outcome === undefined ? accepted : outcomeText(outcome),
    ])
    return
  }
  print(flags.json, answer, () => [
    answer.accepted === 1
      ? `accepted: it is durable and will be learned${waitingFor(answer)}`
      : 'already known',
    ...madeId(answer),
  ])
}

/** Of an event that was sent without one. */
function madeId({ ids = [] }: FeedbackAnswer): readonly string[] {
  const [made] = ids
  return made === undefined ? [] : [`what becomes of it: antikythera receipt ${made.id}`]
}

/** The daemon validates the event; only a command without any event is refused here. */
function eventOf(flags: FeedbackFlags) {
  const { predictionId, retract, correction, weight, slice, id, source } = flags
  const input = inputIn(flags)
  if (input === undefined && predictionId === undefined && retract !== true)
    throw failure(
      'USAGE',
      `give --file, or one of ${shownFlags.inputs} and --prediction-id, with what is said of it: one of ${shownFlags.signals} and --correction`,
    )
  return {
    ...(input !== undefined && { input }),
    ...(predictionId !== undefined && { prediction_id: predictionId }),
    ...(retract === true && { retract }),
    ...signalIn(flags),
    ...given({ correction, weight, slice, id, source }),
  }
}

function given(fields: Readonly<Record<string, Json | undefined>>) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Refused lines of a file, for people. */
export interface RejectedLine extends Omit<RejectedEvent, 'index'> {
  readonly line: number
}

const SHOWN = 20

export function rejectedLines(rejected: readonly RejectedLine[]): string[] {
  const rest = rejected.length - SHOWN
  return [
    ...rejected
      .slice(0, SHOWN)
      .map(({ line, code, message }) => `  line ${line}: ${code}: ${message}`),
    ...(rest > 0 ? [`  … and ${rest} more (--json lists them all)`] : []),
    ...fixesOf(rejected),
  ]
}

/** Each once. */
function fixesOf(rejected: readonly RejectedLine[]): string[] {
  const fixes = new Map(rejected.map(({ code, fix }) => [fix, code]))
  return [...fixes].flatMap(([fix, code]) => (fix === undefined ? [] : [`  ${code}: ${fix}`]))
}

export function withoutRows(file: string): CodedError {
  return failure('USAGE', `${file} has no rows`, {
    fix: 'below the line with the names of its columns, a CSV has an event in each row; JSONL has an event in each line',
  })
}

/**
 * How a file of feedback is sent while the other side does not answer: again, with a line of progress for each wait.
 */
export function sendingRetry(retrySeconds: number, progress: Progress): RetryPolicy {
  return new RetryPolicy({
    clock: systemClock,
    firstMs: 250,
    longestMs: 10_000,
    limitMs: retrySeconds * 1000,
    onWait: ({ delayMs, error }) => {
      const wait = `retrying in ${(delayMs / 1000).toFixed(1)} s`
      progress.say(`${error.code}: ${error.message}: ${wait}`)
    },
  })
}
