/**
 * An update whenever `every` examples are pending, or when the stream is idle and fewer are.
 *
 *   update  ⇔  pending ≥ every, or pending > 0 and now − newest ≥ rest
 *
 * The default: a busy stream gives the same updates on every run, independent of the clock, and a single correction is
 * learned a second later. With `rest: 0` only events count. The mini-batch of online gradient descent, Dekel et al.
 * (2012), "Optimal distributed online prediction", JMLR 13.
 */
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'
import { Rest, restSetting } from './rest.ts'

export interface CountSettings {
  readonly [setting: string]: number
  readonly every: number
  readonly rest: number
}

export const count: PolicyKind<Trigger, CountSettings> = {
  summary: 'updates whenever a number of examples is pending, or when the stream is idle',
  settings: {
    every: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 16,
      description: 'pending examples that start an update',
    },
    rest: restSetting,
  },
  open({ every, rest: restMs }) {
    const rest = new Rest(restMs)
    return {
      needsScore: false,
      observe({ pending, nowMs }) {
        rest.observe(nowMs)
        const reason = `${pending} of ${every} examples are pending`
        return pending < every
          ? { verdict: 'wait', reason }
          : { verdict: 'update', reason, isUsual: true }
      },
      ...(restMs > 0 && { rest: (seen) => rest.decide(seen) }),
      snapshot: () => null,
      restore: () => undefined,
    }
  },
}
