/**
 * A released version is computed for the requests that the live one answers, and answers none, until enough of its
 * answers were judged. Both have answered the same examples, so far fewer judged answers show a difference than with a
 * canary, and no user sees a bad one; but each request is computed twice.
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

export const shadow: PolicyKind<Rollout, HarmSettings> = {
  summary: 'computed and compared first, and live when a sequential test shows no harm',
  settings: { ...harmSettings, judged: { ...harmSettings.judged, default: 100 } },
  open: (settings) => new Shadow(settings),
}

class Shadow implements Rollout {
  readonly #settings: HarmSettings
  readonly #harm: HarmTest
  #compared = 0

  constructor(settings: HarmSettings) {
    this.#settings = settings
    this.#harm = new HarmTest(settings, 'shadow')
  }

  get bound(): RolloutBound | undefined {
    return boundOf(this.#settings, () => this.#waiting().reason, this.#harm.isBlind)
  }

  get expiry(): RolloutExpiry | undefined {
    return expiryOf(this.#settings)
  }

  begin(): TrialStage {
    this.restore(null)
    return { kind: 'shadow' }
  }

  observe(answer: JudgedAnswer): RolloutDecision {
    const { judged } = this.#settings
    if (this.#harm.observe(answer)) this.#compared += 1
    if (this.#harm.isShown) return { verdict: 'stop', reason: `shadow: ${this.#harm.finding}` }
    if (this.#compared >= judged && !this.#harm.isBlind)
      return { verdict: 'promote', reason: `shadow: no harm shown: ${this.#harm.finding}` }
    return this.#waiting()
  }

  #waiting(): RolloutDecision {
    const { judged } = this.#settings
    const reason = `shadow: ${this.#compared} of ${judged} comparisons`
    return { verdict: 'wait', reason: this.#harm.isBlind ? `${reason}, ${blind}` : reason }
  }

  snapshot(): Json {
    return { compared: this.#compared, harm: this.#harm.snapshot() }
  }

  restore(state: Json): void {
    const mine = isState(state) ? state : undefined
    this.#compared = mine?.compared ?? 0
    this.#harm.restore(mine?.harm ?? null)
  }
}

interface State {
  readonly compared: number
  readonly harm: Json
}

function isState(state: Json): state is Json & State {
  return typeof state === 'object' && state !== null && 'compared' in state && !('stage' in state)
}
