/**
 * `feedback --wait`: waits until the trainer has handled the sent events and the resulting version answers, and shows
 * meanwhile how much is left to learn.
 */
import { CodedError, type Json } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { withDetails } from '../../platform/errors.ts'
import { openProgress } from '../progress.ts'
import { modelPath, type JsonObject } from './client.ts'
import type { Connected } from './connect.ts'

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
  connected: Connected,
  position: Json | undefined,
  seconds: number,
  accepted?: string,
): Promise<WaitOutcome | undefined> {
  if (typeof position !== 'string') return undefined
  const shown = accepted === undefined ? undefined : showLag(connected)
  const { client, model } = connected
  try {
    const before = await client.get(modelPath(model)).catch(() => undefined)
    const after = await learned(connected, position, systemClock.monotonicMs() + 1000 * seconds)
    const version = versionOf(after)
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
  { client, model }: Connected,
  position: string,
  untilMs: number,
): Promise<JsonObject> {
  const path = `${modelPath(model)}?wait_for=${encodeURIComponent(position)}`
  for (;;) {
    try {
      return await client.get(path)
    } catch (error) {
      if (!isTooSoon(error) || systemClock.monotonicMs() >= untilMs) throw error
      // A daemon may answer at once (limits.wait_for_ms: 0).
      await systemClock.sleep(PAUSE_MS)
    }
  }
}

/** A look each second at how many accepted events are left; the wait itself reports what goes wrong. */
function showLag({ client, model }: Connected): { end(): void } {
  const progress = openProgress({ clock: systemClock, unit: 'events learned' })
  let total = 0
  const look = async () => {
    const { lag } = await client.get(modelPath(model)).catch(() => ({ lag: undefined }))
    if (typeof lag !== 'number') return
    total = Math.max(total, lag)
    progress.update({ done: total - lag, total, items: total - lag })
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

function unlearnedSince(before: JsonObject, after: JsonObject): readonly string[] {
  const more = (name: string) => countOf(after, name) - countOf(before, name)
  const [aside, kept] = [more('set_aside'), more('quarantined')]
  return [
    ...(aside > 0 ? [`a rollback set ${aside} events aside: antikythera relearn, or discard`] : []),
    ...(kept > 0 ? [`the defence kept ${kept} events back: antikythera quarantine list`] : []),
  ]
}

function countOf({ counts }: JsonObject, name: string): number {
  return (counts as Readonly<Record<string, number>> | undefined)?.[name] ?? 0
}

function versionOf({ live }: JsonObject): string | undefined {
  return (live as { readonly version?: string } | null)?.version
}
