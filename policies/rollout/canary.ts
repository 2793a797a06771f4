/**
 * A released version answers a small share of the requests first, and more of them stage by stage, while a sequential
 * test shows no harm: 1 % → 10 % → 100 %. When it shows harm, the version is stopped.
 *
 * Requests go to either version by a hash of their key, so both answer the same kind of requests.
 *
 * Schermann et al. (2018), "We're doing it live: a multi-method empirical study on continuous experimentation",
 * Information and Software Technology 99, on stages and what ends them.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type {
  JudgedAnswer,
  Rollout,
  RolloutBound,
  RolloutDecision,
  RolloutExpiry,
  TrialStage,
} from '../../src/contracts/release.ts'
import { blind, boundOf, expiryOf, HarmTest, harmSettings, type HarmSettings } from './harm.ts'

type CanarySettings = HarmSettings & Readonly<Record<'share' | 'factor', number>>

export const canary: PolicyKind<Rollout, CanarySettings> = {
  summary: 'a growing share of the requests, while a sequential test shows no harm',
  settings: {
    share: {
      type: 'number',
      default: 0.01,
      exclusiveMinimum: 0,
      exclusiveMaximum: 1,
      description: 'of the requests that a version answers first',
    },
    factor: {
      type: 'number',
      default: 10,
      minimum: 1.1,
      maximum: 1_000_000,
      description: 'how much larger each next share is; from 1 on the version is live',
    },
    ...harmSettings,
  },
  open: (settings) => new Canary(settings),
}

class Canary implements Rollout {
  readonly #settings: CanarySettings
  readonly #harm: HarmTest
  #stage = 0
  /** Comparisons of this stage. */
  #compared = 0

  constructor(settings: CanarySettings) {
    this.#settings = settings
    this.#harm = new HarmTest(settings, 'canary')
  }

  get bound(): RolloutBound | undefined {
    // The test of wrong answers sees harm in any feedback.
    return boundOf(this.#settings, () => this.#waiting().reason, false)
  }

  get expiry(): RolloutExpiry | undefined {
    return expiryOf(this.#settings)
  }

  begin(): TrialStage {
    this.restore(null)
    return { kind: 'canary', share: this.#share }
  }

  observe(answer: JudgedAnswer): RolloutDecision {
    if (this.#harm.observe(answer, this.#share)) this.#compared += 1
    if (this.#harm.isShown) return { verdict: 'stop', reason: `canary: ${this.#harm.finding}` }
    if (this.#compared < this.#settings.judged || this.#harm.isBlind) return this.#waiting()
    return this.#nextStage(`canary: no harm shown: ${this.#harm.finding}`)
  }

  snapshot(): Json {
    return { stage: this.#stage, compared: this.#compared, harm: this.#harm.snapshot() }
  }

  restore(state: Json): void {
    const mine = isState(state) ? state : undefined
    this.#stage = mine?.stage ?? 0
    this.#compared = mine?.compared ?? 0
    this.#harm.restore(mine?.harm ?? null)
  }

  get #share(): number {
    const { share, factor } = this.#settings
    // Without the last digits of floating point: 0.1 · 3 is 0.3.
    return Number((share * factor ** this.#stage).toPrecision(12))
  }

  #nextStage(reason: string): RolloutDecision {
    this.#stage += 1
    this.#compared = 0
    const share = this.#share
    if (share >= 1) return { verdict: 'promote', reason }
    return { verdict: 'advance', reason, stage: { kind: 'canary', share } }
  }

  #waiting(): RolloutDecision {
    const { judged } = this.#settings
    const reason = `canary at ${percent(this.#share)}: ${this.#compared} of ${judged} comparisons`
    return { verdict: 'wait', reason: this.#harm.isBlind ? `${reason}, ${blind}` : reason }
  }
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

interface State {
  readonly stage: number
  readonly compared: number
  readonly harm: Json
}

function isState(state: Json): state is Json & State {
  return typeof state === 'object' && state !== null && 'stage' in state && 'harm' in state
}
