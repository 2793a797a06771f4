/**
 * What follows feedback: how far the next update is, and `--wait`, which waits until the trainer has handled the sent
 * events and the resulting version answers, and shows meanwhile how much is left to learn.
 */
import type { FeedbackAnswer, Model } from '../../client/client.ts'
import { CodedError } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { withDetails } from '../../platform/errors.ts'
import { openProgress } from '../progress.ts'
import type { Connection } from './connect.ts'

const PAUSE_MS = 200
const LOOK_MS = 1000

export interface WaitOutcome {
  readonly version: string
  /** What was set aside or kept back meanwhile, and is not learned: a sentence for each. */
  readonly unlearned: readonly string[]
}

export function outcomeText({ version, unlearned }: WaitOutcome): string {
  return [
    unlearned.length === 0 ? `learned: ${version} is live` : `${version} is live`,
    ...unlearned,
  ].join('; ')
}

/**
 * What is live then; undefined without a position. With `accepted`, which says what was, progress is shown, and
 * an error begins with it: whatever becomes of the wait, it stays accepted.
 */
export async function waitForLearned(
  connected: Pick<Connection, 'api'>,
  position: string | undefined,
  seconds: number,
  accepted?: string,
): Promise<WaitOutcome | undefined> {
  if (position === undefined) return undefined
  const shown = accepted === undefined ? undefined : showLag(connected)
  try {
    const before = await connected.api.describe().catch(() => undefined)
    const after = await learned(connected, position, systemClock.monotonicMs() + 1000 * seconds)
    const version = after.live?.version
    if (version === undefined) return undefined
    return { version, unlearned: before ? unlearnedSince(before, after) : [] }
  } catch (error) {
    if (!(error instanceof CodedError) || accepted === undefined) throw error
    throw withDetails(error, {}, `${accepted}; waiting until it is learned: ${error.message}`)
  } finally {
    shown?.end()
  }
}

async function learned(
  { api }: Pick<Connection, 'api'>,
  position: string,
  untilMs: number,
): Promise<Model> {
  for (;;) {
    try {
      return await api.describe({ wait_for: position })
    } catch (error) {
      if (!isTooSoon(error) || systemClock.monotonicMs() >= untilMs) throw error
      // A daemon may answer at once.
      await systemClock.sleep(PAUSE_MS)
    }
  }
}

/** A look each second at how many accepted events are left; the wait itself reports what goes wrong. */
function showLag({ api }: Pick<Connection, 'api'>): { end(): void } {
  const progress = openProgress({ clock: systemClock, unit: 'events learned' })
  let total = 0
  const look = async () => {
    const { lag } = await api.describe().catch(() => ({ lag: undefined }))
    if (lag === undefined) return
    total = Math.max(total, lag)
    // All that was sent had been read by the first look: nothing is left to show.
    if (total > 0) progress.update({ done: total - lag, total, items: total - lag })
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  return {
    end: () => {
      clearInterval(timer)
      progress.end()
    },
  }
}

/** A trainer that has failed learns nothing more by itself. */
function isTooSoon(error: unknown): boolean {
  return (
    error instanceof CodedError &&
    error.code === 'POSITION_NOT_REACHED' &&
    error.details.trainer !== 'failed'
  )
}

function unlearnedSince({ counts: before }: Model, { counts: after }: Model): readonly string[] {
  const aside = (after.set_aside ?? 0) - (before.set_aside ?? 0)
  const kept = (after.quarantined ?? 0) - (before.quarantined ?? 0)
  return [
    ...(aside > 0 ? [`a rollback set ${aside} events aside: antikythera relearn, or discard`] : []),
    ...(kept > 0 ? [`the defence kept ${kept} events back: antikythera quarantine list`] : []),
  ]
}

/** How far the next update is, of the receipt of feedback. */
export function waitingFor(
  receipt: Pick<FeedbackAnswer, 'pending' | 'trigger_every' | 'trigger_rest_ms'>,
): string {
  const { pending, trigger_every: every, trigger_rest_ms: restMs } = receipt
  if (pending === undefined || every === undefined) return ''
  if (pending >= every) return '; an update is due'
  const rest = restMs !== undefined && restMs > 0 ? `, or after ${restOf(restMs)} of rest` : ''
  return `; pending: ${pending} of ${every}, learned at ${every}${rest}`
}

function restOf(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
}
