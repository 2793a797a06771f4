/** Releases on trial: until a sequential test has seen enough without harm. `immediate` is in ../none.ts. */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type {
  JudgedAnswer,
  Rollout,
  RolloutBound,
  RolloutDecision,
  RolloutExpiry,
  TrialStage,
} from '../../src/contracts/release.ts'
import { number } from '../settings.ts'
import { ownState } from '../state.ts'
import { blind, boundOf, expiryOf, HarmTest, harmSettings, type HarmSettings } from './harm.ts'

const canarySettings = {
  share: {
    type: 'number',
    default: 0.01,
    exclusiveMinimum: 0,
    exclusiveMaximum: 1,
    description: 'share of the requests that a version answers first',
  },
  factor: number(
    [1.1, 1_000_000],
    10,
    'how much larger each next share is; when it reaches 1 the version is live',
  ),
  ...harmSettings,
} as const

type CanarySettings = SettingsOf<typeof canarySettings>

/**
 * A released version answers a small share of the requests first, and more of them stage by stage, while a sequential
 * test shows no harm: 1 % → 10 % → 100 %. When it shows harm, the version is stopped.
 *
 * Requests go to either version by a hash of their key, so both answer the same kind of requests.
 *
 * Schermann et al. (2018), "We're doing it live: a multi-method empirical study on continuous experimentation",
 * Information and Software Technology 99, on stages and what ends them.
 *
 *     rollout: { policy: canary, share: 0.05, factor: 5, max_time: 12h }
 */
export const canary: PolicyKind<Rollout, CanarySettings> = {
  summary: 'a growing share of the requests, while a sequential test shows no harm',
  settings: canarySettings,
  open: (settings) =>
    new Trial(settings, (at) => {
      // Without the last digits of floating point: 0.1 · 3 is 0.3.
      const share = Number((settings.share * settings.factor ** at).toPrecision(12))
      return share < 1 ? { kind: 'canary', share } : undefined
    }),
}

/**
 * A released version is computed for the requests that the live one answers, and answers none, until enough of its
 * answers were judged. Both have answered the same examples, so far fewer judged answers show a difference than with a
 * canary, and no user sees a bad one; but each request is computed twice.
 *
 *     rollout: { policy: shadow, judged: 200, undecided: stop }
 */
export const shadow: PolicyKind<Rollout, HarmSettings> = {
  summary: 'computed and compared first, and live when a sequential test shows no harm',
  settings: { ...harmSettings, judged: { ...harmSettings.judged, default: 100 } },
  open: (settings) => new Trial(settings, (at) => (at === 0 ? { kind: 'shadow' } : undefined)),
}

interface State {
  /** Only of a canary. */
  readonly stage?: number
  readonly compared: number
  readonly harm: Json
}

class Trial implements Rollout {
  readonly #settings: HarmSettings
  /** Undefined: live. */
  readonly #stageAt: (at: number) => TrialStage | undefined
  readonly #harm: HarmTest
  #at = 0
  /** Comparisons of this stage. */
  #compared = 0

  constructor(settings: HarmSettings, stageAt: (at: number) => TrialStage | undefined) {
    this.#settings = settings
    this.#stageAt = stageAt
    this.#harm = new HarmTest(settings, this.#isCanary ? 'canary' : 'shadow')
  }

  get bound(): RolloutBound | undefined {
    // The test of wrong answers, which a canary has, sees harm in any feedback.
    const isBlind = !this.#isCanary && this.#harm.isBlind
    return boundOf(this.#settings, () => this.#waiting().reason, isBlind)
  }

  get expiry(): RolloutExpiry | undefined {
    return expiryOf(this.#settings)
  }

  begin(): TrialStage | undefined {
    this.restore(null)
    return this.#stageAt(0)
  }

  observe(answer: JudgedAnswer): RolloutDecision {
    const stage = this.#stageAt(this.#at)
    if (this.#harm.observe(answer, stage?.kind === 'canary' ? stage.share : 0)) this.#compared += 1
    const { isShown, isBlind, finding } = this.#harm
    const name = this.#isCanary ? 'canary' : 'shadow'
    if (isShown) return { verdict: 'stop', reason: `${name}: ${finding}` }
    if (this.#compared < this.#settings.judged || isBlind) return this.#waiting()
    this.#at += 1
    this.#compared = 0
    const reason = `${name}: no harm shown: ${finding}`
    const next = this.#stageAt(this.#at)
    return next ? { verdict: 'advance', reason, stage: next } : { verdict: 'promote', reason }
  }

  snapshot(): Json {
    const stage = this.#isCanary && { stage: this.#at }
    return { ...stage, compared: this.#compared, harm: this.#harm.snapshot() }
  }

  restore(state: Json): void {
    const own = ownState<State>(state, 'compared', 'harm')
    const mine = own && 'stage' in own === this.#isCanary ? own : undefined
    this.#at = mine?.stage ?? 0
    this.#compared = mine?.compared ?? 0
    this.#harm.restore(mine?.harm ?? null)
  }

  get #isCanary(): boolean {
    return this.#stageAt(0)?.kind === 'canary'
  }

  #waiting(): RolloutDecision {
    const stage = this.#stageAt(this.#at)
    const name = stage?.kind === 'canary' ? `canary at ${percent(stage.share)}` : 'shadow'
    const reason = `${name}: ${this.#compared} of ${this.#settings.judged} comparisons`
    return { verdict: 'wait', reason: this.#harm.isBlind ? `${reason}, ${blind}` : reason }
  }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}
