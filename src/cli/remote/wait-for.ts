/** `feedback --wait`: waits until the trainer has handled the sent events and the resulting version answers. */
import { CodedError, type Json } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { modelPath, type JsonObject } from './client.ts'
import type { Connected } from './connect.ts'

const PAUSE_MS = 200

/** The version that is live then; undefined when the receipt has no position. */
export async function waitForLearned(
  { client, model }: Connected,
  position: Json | undefined,
  seconds: number,
): Promise<string | undefined> {
  if (typeof position !== 'string') return undefined
  const untilMs = systemClock.monotonicMs() + 1000 * seconds
  const path = `${modelPath(model)}?wait_for=${encodeURIComponent(position)}`
  for (;;) {
    try {
      return versionOf(await client.get(path))
    } catch (error) {
      if (!isTooSoon(error) || systemClock.monotonicMs() >= untilMs) throw error
      // A daemon may answer at once (limits.wait_for_ms: 0).
      await systemClock.sleep(PAUSE_MS)
    }
  }
}

function isTooSoon(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'POSITION_NOT_REACHED'
}

function versionOf({ live }: JsonObject): string | undefined {
  return (live as { readonly version?: string } | null)?.version
}
