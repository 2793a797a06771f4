/**
 * Whether a version on trial errs more often than the live one, with a stated error rate: a version that does not is
 * stopped with a probability of at most `alpha` over the whole trial, however often one looks.
 *
 *   H₀: E[error of the candidate − error of the live version] ≤ margin
 *
 * Of a canary each request is answered by one version or the other, so answers are compared in blocks: a block ends as
 * soon as both versions have an answer in it, and gives one difference of mean errors. Which version answers does not
 * depend on the errors, so each mean is unbiased; and as blocks are short, a stream that drifts is the same for both. Of
 * a shadow each answer is a block.
 */
import type { Json, Setting, SettingsOf } from '../../src/contracts/core.ts'
import type { JudgedAnswer, RolloutBound, RolloutExpiry } from '../../src/contracts/release.ts'
import { SequentialTest } from '../sequential-test.ts'

export const harmSettings = {
  judged: {
    type: 'integer',
    default: 50,
    minimum: 1,
    maximum: 1_000_000,
    description: 'comparisons without shown harm that a stage takes',
  },
  alpha: {
    type: 'number',
    default: 0.05,
    exclusiveMinimum: 0,
    maximum: 0.5,
    description: 'the probability of stopping a version that does no harm',
  },
  margin: {
    type: 'number',
    default: 0,
    minimum: 0,
    maximum: 0.5,
    description: 'how much higher the share of errors may be',
  },
  max_events: {
    type: 'integer',
    default: 20_000,
    minimum: 0,
    maximum: 1_000_000_000,
    description:
      'accepted events after which a stage ends undecided, because too little feedback names its prediction; 0 = never',
  },
  max_time: {
    type: 'duration',
    minimum: 1000,
    maximum: 31_536_000_000,
    default: '0',
    description:
      'time after which the server ends a stage undecided, also if no events come: 12h, 2m; 0 = never, so that the same stream always gives the same versions',
  },
  undecided: {
    type: 'choice',
    options: ['promote', 'stop'],
    default: 'promote',
    description: 'how the trial ends then, if no harm was shown',
  },
} as const satisfies Readonly<Record<string, Setting>>

export type HarmSettings = SettingsOf<typeof harmSettings>

/** Ends a stage after `max_events`. */
export function boundOf(
  { max_events: events, undecided: verdict }: HarmSettings,
  progress: () => string,
): RolloutBound | undefined {
  if (events === 0) return undefined
  const reason = () => `undecided after ${events} events, ${progress()}: ${verdict}`
  return { events, decide: () => ({ verdict, reason: reason() }) }
}

/** Ends a stage after `max_time`. */
export function expiryOf({
  max_time: afterMs,
  undecided,
}: HarmSettings): RolloutExpiry | undefined {
  return afterMs === 0 ? undefined : { afterMs, verdict: undecided }
}

interface Sum {
  readonly [key: string]: number
  readonly count: number
  readonly errors: number
}

const none: Sum = { count: 0, errors: 0 }

export class HarmTest {
  readonly #settings: HarmSettings
  readonly #test: SequentialTest
  /** The block that is not complete. */
  #candidate = none
  #live = none

  constructor(settings: HarmSettings) {
    this.#settings = settings
    this.#test = new SequentialTest({ alpha: settings.alpha, atMost: settings.margin })
  }

  /** Whether a block is complete: one more comparison. */
  observe({ candidate, live }: JudgedAnswer): boolean {
    this.#candidate = added(this.#candidate, candidate)
    this.#live = added(this.#live, live)
    if (this.#candidate.count === 0 || this.#live.count === 0) return false
    this.#test.observe(mean(this.#candidate) - mean(this.#live))
    this.#candidate = none
    this.#live = none
    return true
  }

  get isShown(): boolean {
    return this.#test.isRejected
  }

  /** Such as: errs 31.0 points more in 48 comparisons (p 0.012, alpha 0.05). */
  get finding(): string {
    const { count, mean, pValue } = this.#test
    const points = (100 * Math.abs(mean)).toFixed(1)
    const { alpha } = this.#settings
    const worse = mean > 0 ? 'more' : 'less'
    return `errs ${points} points ${worse} in ${count} comparisons (p ${pValue.toPrecision(2)}, alpha ${alpha})`
  }

  snapshot(): Json {
    const [candidate, live] = [{ ...this.#candidate }, { ...this.#live }]
    return { candidate, live, test: this.#test.snapshot() }
  }

  /** Any other state, or none, means a fresh start. */
  restore(state: Json): void {
    const mine = isState(state) ? state : undefined
    this.#candidate = { ...(mine?.candidate ?? none) }
    this.#live = { ...(mine?.live ?? none) }
    this.#test.restore(mine?.test ?? null)
  }
}

function added({ count, errors }: Sum, error: number | undefined): Sum {
  return error === undefined ? { count, errors } : { count: count + 1, errors: errors + error }
}

function mean({ count, errors }: Sum): number {
  return errors / count
}

interface State {
  readonly candidate: Sum
  readonly live: Sum
  readonly test: Json
}

function isState(state: Json): state is Json & State {
  return typeof state === 'object' && state !== null && 'candidate' in state && 'test' in state
}
