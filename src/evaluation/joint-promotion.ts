/**
 * Promotion policies that decide together: a candidate becomes live when every one of them agrees. Each is asked about
 * each candidate, also after one has refused it, so that the manifest shows all verdicts.
 */
import type { GoldenExample, Promotion, PromotionNeeds, Verdict } from '../contracts/release.ts'

export interface NamedPromotion {
  readonly name: string
  readonly policy: Promotion
}

export function jointPromotion(promotions: readonly NamedPromotion[]): Promotion {
  const needs = allNeeds(promotions.map(({ policy }) => policy.needs ?? {}))
  const looksAtNone = promotions.every(({ policy }) => policy.looksAtScores === false)
  return {
    ...(looksAtNone && { looksAtScores: false }),
    needs,
    decide(facts) {
      const decisions = promotions.map(({ policy }) => policy.decide(facts))
      const verdicts = decisions.map(({ verdict, reason }, at): Verdict => ({
        policy: promotions[at]?.name ?? '',
        verdict,
        reason,
      }))
      const better = decisions.find((each) => each.better !== undefined)?.better
      const isHarmful = promotions.some(
        ({ policy }, at) => policy.looksAtScores !== false && verdicts[at]?.verdict === 'hold',
      )
      const all = {
        verdicts,
        ...(isHarmful && { isHarmful }),
        ...(better !== undefined && { better }),
      } as const
      const [only] = decisions
      if (only !== undefined && decisions.length === 1) return { ...only, ...all }
      const holding = verdicts.filter(({ verdict }) => verdict === 'hold')
      const telling = verdicts.filter((_verdict, at) => decisions[at]?.isUsual !== true)
      const named = holding.length > 0 ? holding : telling
      const reason = named.map(({ policy, reason }) => withName(policy, reason)).join('; ')
      return { verdict: holding.length > 0 ? 'hold' : 'promote', reason, ...all }
    },
  }
}

/** A user's own policy need not begin its reason with its name. */
function withName(name: string, reason: string): string {
  return reason.startsWith(name) ? reason : `${name}: ${reason}`
}

function allNeeds(needs: readonly PromotionNeeds[]): PromotionNeeds {
  const versions = Math.max(0, ...needs.map((each) => each.versions ?? 0))
  const golden: readonly GoldenExample[] = needs.flatMap((each) => each.golden ?? [])
  return {
    ...(needs.some(({ heldOut }) => heldOut === true) && { heldOut: true }),
    ...(versions > 0 && { versions }),
    ...(golden.length > 0 && { golden }),
  }
}
