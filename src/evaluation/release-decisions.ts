/** Decisions about releases: of several policies together, and of a fresh adapter beside the one before it. */
import type {
  GoldenExample,
  Promotion,
  PromotionNeeds,
  Verdict,
  AnswerWatch,
  Rollback,
  RollbackDecision,
  Scores,
} from '../contracts/release.ts'
import type { Json, Decision } from '../contracts/core.ts'

interface NamedPolicy<Policy> {
  readonly name: string
  readonly policy: Policy
}

/**
 * A candidate becomes live when every policy agrees. Each is asked about each candidate, also after one has refused it, so that
 * the manifest shows all verdicts.
 */
export function jointPromotion(promotions: readonly NamedPolicy<Promotion>[]): Promotion {
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
    ...(needs.some(({ offPolicy }) => offPolicy === true) && { offPolicy: true }),
    ...(needs.some((each) => each.kl === true) && { kl: true }),
    ...(versions > 0 && { versions }),
    ...(golden.length > 0 && { golden }),
  }
}

/** Rollback policies that watch the same version: each is called with everything, and each alone may roll back. */
export function jointRollback(rollbacks: readonly NamedPolicy<Rollback>[]): Rollback {
  const [only] = rollbacks
  // Its state has the form that a checkpoint of an earlier release has.
  if (only !== undefined && rollbacks.length === 1) return only.policy
  const policies = rollbacks.map(({ policy }) => policy)
  const comparing = policies.find((policy) => policy.reference !== undefined)
  return {
    ...(policies.every(({ looksAtScores }) => looksAtScores === false) && { looksAtScores: false }),
    // One comparison per block: the first policy that asks for one has it.
    ...(comparing?.reference && { reference: () => comparing.reference?.() }),
    decide: (facts) => anyRollback(policies.map((policy) => policy.decide(facts))),
    snapshot: () =>
      Object.fromEntries(rollbacks.map(({ name, policy }) => [name, policy.snapshot()])),
    restore(state) {
      for (const { name, policy } of rollbacks) policy.restore(stateOf(name, state))
    },
  }
}

/** Watches the answers of a server for these policies; undefined if none of them does. */
export function jointWatch(rollbacks: readonly NamedPolicy<Rollback>[]): AnswerWatch | undefined {
  const watches = rollbacks.flatMap(({ policy }) => policy.watchAnswers?.() ?? [])
  if (watches.length === 0) return undefined
  return { observe: (answer) => anyRollback(watches.map((watch) => watch.observe(answer))) }
}

function anyRollback(decisions: readonly RollbackDecision[]): RollbackDecision {
  const back = decisions.find(({ verdict }) => verdict === 'rollback')
  return back ?? { verdict: 'keep', reason: decisions.map(({ reason }) => reason).join('; ') }
}

function stateOf(name: string, state: Json): Json {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return null
  return (state as Readonly<Record<string, Json>>)[name] ?? null
}

/**
 * After a change of method or rank the old version keeps answering until the fresh adapter is no worse. If it was worse
 * on the held-out part of the replay buffer, its versions are held until it answers new events, each before learning
 * it, as well as the old adapter did.
 */
export interface ReleaseBar {
  /** Recent accuracy of the previous adapter. */
  readonly accuracy: number
  /** Events scored when the fresh adapter began. */
  readonly since: number
}

/** After fewer events the recent accuracy is still mostly that of the previous adapter. */
const FEWEST_EVENTS = 50

/** A difference within one standard error of an accuracy over this many examples counts as no worse. */
export function isWorse(accuracy: number, heldOut: number, before: number): boolean {
  const error = Math.sqrt((before * (1 - before)) / Math.max(1, heldOut))
  return accuracy < before - error
}

/** Undefined if the bar is reached. */
export function heldBy(
  bar: ReleaseBar,
  scores: Scores,
  name: string,
): Decision<'hold'> | undefined {
  const seen = scores.count - bar.since
  if (seen >= FEWEST_EVENTS && scores.accuracy_recent >= bar.accuracy) return undefined
  const now = `${name} ${scores.accuracy_recent.toFixed(3)} after ${seen} events`
  return {
    verdict: 'hold',
    reason: `held until it is no worse than the previous adapter: ${now}, ${bar.accuracy.toFixed(3)} before`,
  }
}
