/**
 * The idle rule that `count` and the drift triggers share: when a stream is idle, pending examples do not wait for
 * more.
 *
 *   update  ⇔  pending > 0 and now − newest ≥ rest
 *
 * The trailing-edge debounce of event handling. It reads the clock, so the trainer records such an update in its
 * checkpoint before making it: after a crash the same examples are learned together again (law 2). The idle time is not
 * part of the checkpoint; a restart waits once more.
 */
import type { Setting } from '../../src/contracts/core.ts'
import type { Trigger } from '../../src/contracts/policy.ts'

export const restSetting = {
  type: 'duration',
  minimum: 100,
  maximum: 86_400_000,
  default: '1s',
  description:
    'idle time after which fewer pending examples also start an update: 500ms, 1s, 2m; 0 = never, so that the same stream always gives the same updates',
} as const satisfies Setting

type RestObservation = Parameters<NonNullable<Trigger['rest']>>[0]

export class Rest {
  readonly #restMs: number
  #newestMs: number | undefined

  constructor(restMs: number) {
    this.#restMs = restMs
  }

  /** An example has arrived. */
  observe(nowMs: number): void {
    this.#newestMs = nowMs
  }

  decide({ pending, nowMs }: RestObservation) {
    const restMs = this.#restMs
    // If the clock was set back, the idle time starts again.
    const sinceMs = Math.min(this.#newestMs ?? nowMs, nowMs)
    this.#newestMs = sinceMs
    const isDue = restMs > 0 && pending > 0 && nowMs - sinceMs >= restMs
    if (isDue) return { verdict: 'update' as const, reason: 'after a pause' }
    const rested = `no event for ${nowMs - sinceMs} ms, and rest is ${restMs} ms`
    return { verdict: 'wait' as const, reason: `${rested}; examples pending: ${pending}` }
  }
}
