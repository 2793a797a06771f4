/**
 * Whether a version on trial errs more often than the live one, with a stated error rate: a version that does not is
 * stopped with a probability of at most `alpha` over the whole trial, however often one looks.
 *
 *   H₀: E[error of the candidate − error of the live version] ≤ margin
 *
 * Of a canary each request is answered by one version or the other, so answers are compared in blocks: a block ends as
 * soon as both versions have an answer in it, and gives one difference of mean errors. Which version answers does not
 * depend on the errors, so each mean is unbiased; and as blocks are short, a stream that drifts is the same for both. Of
 * a shadow each answer is a block. The answers to one user depend on each other, so only its first one counts.
 *
 * People who correct wrong answers and pass over right ones hide a difference of means: all that is judged is wrong. So a
 * second test counts which version gave the wrong answers. A canary answers a share s of the requests, at random, and
 *
 *   H₀: E[error · (1{candidate answered} − s)] ≤ 0
 *
 * holds as long as it errs no more often, whatever share of the right answers is judged. Each test has half of alpha. What a
 * shadow breaks is seen only where the live version was right, so without judged right answers it shows nothing.
 */
import type { Json, Setting, SettingsOf, Stateful } from '../../src/contracts/core.ts'
import type {
  JudgedAnswer,
  RolloutBound,
  RolloutExpiry,
  TrialStage,
} from '../../src/contracts/release.ts'
import { SequentialTest } from '../sequential-test.ts'
import { integer, number } from '../settings.ts'
import { ownState } from '../state.ts'

export const harmSettings = {
  judged: integer([1, 1_000_000], 50, 'comparisons without shown harm that complete a stage'),
  alpha: {
    type: 'number',
    default: 0.05,
    exclusiveMinimum: 0,
    maximum: 0.5,
    description: 'the probability of stopping a version that does no harm',
  },
  margin: number([0, 0.5], 0, 'how much higher the error rate of the new version may be'),
  max_events: integer(
    [0, 1_000_000_000],
    20_000,
    'accepted events after which a stage ends undecided, because too little feedback names its predictions; 0 = never',
  ),
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
    description: 'how such a stage ends the trial, if no harm was shown',
  },
} as const satisfies Readonly<Record<string, Setting>>

export type HarmSettings = SettingsOf<typeof harmSettings>

/** Ends a stage after `max_events`; `isBlind`: the judged answers cannot show harm. */
export function boundOf(
  { max_events: events, undecided }: HarmSettings,
  progress: () => string,
  isBlind: boolean,
): RolloutBound | undefined {
  if (events === 0) return undefined
  const verdict = isBlind ? 'stop' : undecided
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

/** Why a trial goes on although it has its comparisons. */
export const blind =
  'but hardly any answer that was judged was right: right answers have to be judged too'

/** One in this many judged answers has to be right before "no harm shown" means anything. */
const RIGHT_EVERY = 20

export class HarmTest {
  readonly #settings: HarmSettings
  readonly #means: SequentialTest
  /** Which version gave the wrong answers; only of a canary, and without a margin, which is one of means. */
  readonly #wrongs: SequentialTest | undefined
  readonly #counted = new UnitFilter()
  readonly #corrected = new UnitFilter()
  /** The block that is not complete. */
  #candidate = none
  #live = none
  #judged = 0
  #right = 0
  /** Wrong answers of the candidate, and how many would be its share. */
  #wrong = 0
  #expected = 0

  constructor(settings: HarmSettings, kind: TrialStage['kind']) {
    const { alpha, margin } = settings
    this.#settings = settings
    const hasBoth = kind === 'canary' && margin === 0
    const each = hasBoth ? alpha / 2 : alpha
    this.#means = new SequentialTest({ alpha: each, atMost: margin })
    if (hasBoth) this.#wrongs = new SequentialTest({ alpha: each })
  }

  /** Whether a block is complete: one more comparison. `share`: of the requests, that the candidate answers. */
  observe({ candidate, live, unit }: JudgedAnswer, share = 0): boolean {
    this.#countWrong(candidate, live, unit, share)
    if (!this.#counted.isFirst(unit)) return false
    this.#judged += 1
    if ((live ?? candidate) === 0) this.#right += 1
    this.#candidate = added(this.#candidate, candidate)
    this.#live = added(this.#live, live)
    if (this.#candidate.count === 0 || this.#live.count === 0) return false
    this.#means.observe(mean(this.#candidate) - mean(this.#live))
    this.#candidate = none
    this.#live = none
    return true
  }

  #countWrong(
    candidate: number | undefined,
    live: number | undefined,
    unit: string | undefined,
    share: number,
  ): void {
    const error = candidate ?? live ?? 0
    if (this.#wrongs === undefined || error === 0 || !this.#corrected.isFirst(unit)) return
    const isOwn = candidate === undefined ? 0 : 1
    this.#wrongs.observe(error * (isOwn - share))
    this.#wrong += isOwn
    this.#expected += share
  }

  get isShown(): boolean {
    return this.#means.isRejected || this.#wrongs?.isRejected === true
  }

  /** Hardly any right answer was judged: what the candidate breaks would not be seen. */
  get isBlind(): boolean {
    return this.#judged > 0 && this.#right * RIGHT_EVERY < this.#judged
  }

  /** Such as: errs 31.0 points more in 48 comparisons (p 0.012, alpha 0.05). */
  get finding(): string {
    const { count, mean, pValue } = this.#means
    const points = (100 * Math.abs(mean)).toFixed(1)
    const { alpha } = this.#settings
    const worse = mean > 0 ? 'more' : 'less'
    const means = `errs ${points} points ${worse} in ${count} comparisons (p ${pValue.toPrecision(2)}, alpha ${alpha})`
    if (this.#wrongs === undefined || this.#wrongs.count === 0) return means
    const [own, all] = [this.#wrong, this.#wrongs.count]
    const expected = this.#expected.toFixed(1)
    const p = this.#wrongs.pValue.toPrecision(2)
    return `${means}; gave ${own} of the ${all} wrong answers, where ${expected} is its share (p ${p})`
  }

  snapshot(): Json {
    const [candidate, live] = [{ ...this.#candidate }, { ...this.#live }]
    return {
      ...{ candidate, live, test: this.#means.snapshot() },
      ...{ judged: this.#judged, right: this.#right },
      ...{ wrong: this.#wrong, expected: this.#expected },
      ...(this.#wrongs && { wrongs: this.#wrongs.snapshot() }),
      counted: this.#counted.snapshot(),
      corrected: this.#corrected.snapshot(),
    }
  }

  /** Any other state, or none, means a fresh start. */
  restore(state: Json): void {
    const mine = ownState<State>(state, 'candidate', 'test')
    this.#candidate = { ...(mine?.candidate ?? none) }
    this.#live = { ...(mine?.live ?? none) }
    this.#means.restore(mine?.test ?? null)
    this.#wrongs?.restore(mine?.wrongs ?? null)
    this.#judged = mine?.judged ?? 0
    this.#right = mine?.right ?? 0
    this.#wrong = mine?.wrong ?? 0
    this.#expected = mine?.expected ?? 0
    this.#counted.restore(mine?.counted ?? null)
    this.#corrected.restore(mine?.corrected ?? null)
  }
}

function added({ count, errors }: Sum, error: number | undefined): Sum {
  return error === undefined ? { count, errors } : { count: count + 1, errors: errors + error }
}

function mean({ count, errors }: Sum): number {
  return errors / count
}

/** The optional fields are absent in a checkpoint of a release that had only the test of means. */
interface State {
  readonly candidate: Sum
  readonly live: Sum
  readonly test: Json
  readonly wrongs?: Json
  readonly judged?: number
  readonly right?: number
  readonly wrong?: number
  readonly expected?: number
  readonly counted?: Json
  readonly corrected?: Json
}

const BITS = 2 ** 15
const SEEDS = [0x811c9dc5, 0x1b873593] as const

/**
 * Which units, such as users, a trial has counted: a Bloom filter, so that it takes the same memory for any number of them.
 * It never counts a unit twice; by chance it passes one over that is new, 7 % of them after five thousand.
 *
 * Bloom (1970), "Space/time trade-offs in hash coding with allowable errors", CACM 13(7).
 */
class UnitFilter implements Stateful {
  #bits = new Uint8Array(BITS / 8)
  #isEmpty = true

  /** Whether it is the first time; without a unit it always is. */
  isFirst(unit: string | undefined): boolean {
    if (unit === undefined) return true
    let isFirst = false
    for (const seed of SEEDS) {
      const at = hashOf(unit, seed) % BITS
      const [byte, bit] = [at >> 3, 1 << (at & 7)]
      const before = this.#bits[byte] ?? 0
      if ((before & bit) === 0) isFirst = true
      this.#bits[byte] = before | bit
    }
    this.#isEmpty = false
    return isFirst
  }

  snapshot(): Json {
    return this.#isEmpty ? null : Buffer.from(this.#bits).toString('base64')
  }

  /** Any other state, or none, means a fresh start. */
  restore(state: Json): void {
    this.#bits = new Uint8Array(BITS / 8)
    const bytes = typeof state === 'string' ? Buffer.from(state, 'base64') : undefined
    this.#isEmpty = bytes?.length !== this.#bits.length
    if (bytes && !this.#isEmpty) this.#bits.set(bytes)
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string, seed: number): number {
  let hash = seed
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  return (hash ^ (hash >>> 15)) >>> 0
}
