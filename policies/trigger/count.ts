/**
 * An update whenever `every` examples are pending, or when the stream is idle and fewer are.
 *
 *   update  ⇔  pending ≥ every, or pending > 0 and now − newest ≥ rest
 *
 * The default: a busy stream gives the same updates on every run, independent of the clock, and a single correction is
 * learned a second later. With `rest: 0` only events count. The mini-batch of online gradient descent, Dekel et al.
 * (2012), "Optimal distributed online prediction", JMLR 13.
 *
 *     trigger: { policy: count, every: 32, rest: 5s }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'
import { integer } from '../settings.ts'
import { stateless } from '../state.ts'

/** The drift triggers update by count, too. */
export const countSettings = {
  every: integer([1, 100_000], 16, 'pending examples that start an update'),
  rest: {
    type: 'duration',
    minimum: 100,
    maximum: 86_400_000,
    default: '1s',
    description:
      'idle time after which fewer pending examples also start an update: 500ms, 1s, 2m; 0 = never, so that the same stream always gives the same updates',
  },
} as const

export const count: PolicyKind<Trigger, SettingsOf<typeof countSettings>> = {
  summary: 'updates whenever a number of examples is pending, or when the stream is idle',
  settings: countSettings,
  open({ every, rest: restMs }) {
    const rest = new Rest(restMs)
    return {
      needsScore: false,
      observe({ pending, nowMs }) {
        rest.observe(nowMs)
        return byCount(pending, every)
      },
      ...(restMs > 0 && { rest: (seen) => rest.decide(seen) }),
      ...stateless,
    }
  },
}

export function byCount(pending: number, every: number) {
  const reason = `${pending} of ${every} examples are pending`
  if (pending < every) return { verdict: 'wait', reason } as const
  return { verdict: 'update', reason, isUsual: true } as const
}

/**
 * When a stream is idle, pending examples do not wait for more.
 *
 *   update  ⇔  pending > 0 and now − newest ≥ rest
 *
 * The trailing-edge debounce of event handling. It reads the clock, so the trainer records such an update in its
 * checkpoint before making it: after a crash the same examples are learned together again (law 2). The idle time is not
 * part of the checkpoint; a restart waits once more.
 */
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

  decide({ pending, nowMs }: Parameters<NonNullable<Trigger['rest']>>[0]) {
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
