/**
 * No part of the stream may be forgotten: a candidate is held when a stratum (a label, for a classification), a slice or
 * all examples together have fallen by more than `points` against the best of the last `versions` live versions.
 *
 *   hold  ⇔  for some part P:  H₀: E[error(candidate) − error(best) | P] ≤ points/100  is rejected at level α / parts
 *   best  =  the period of live versions with the lowest mean over strata of their error
 *
 * Each candidate is compared with a longer past, not with its predecessor, so many small steps in the wrong direction
 * add up. The parts share α, so at most a share α of the candidates that have forgotten nothing are held. Versions from
 * before the line had learned `after` examples are no measure: a model that knows little answers one label always.
 *
 *     promotion: { policy: retention, points: 3, versions: 50 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion, PromotionFacts, RowOutcome } from '../../src/contracts/release.ts'
import { alphaSetting, pointsSetting } from '../settings.ts'
import { SequentialTest } from '../sequential-test.ts'
import { integer } from '../settings.ts'

const settings = {
  points: pointsSetting(5, 'percentage points of accuracy that a label or slice may lose'),
  versions: integer(
    [1, 10_000],
    200,
    'number of past live versions that a candidate is compared with',
  ),
  alpha: alphaSetting(0.02, 'error rate: the largest share of sound candidates that are held'),
  after: integer(
    [0, 1_000_000],
    500,
    'examples that a version must have learned before later ones are compared with it',
  ),
}

type RetentionSettings = SettingsOf<typeof settings>

export const retention: PolicyKind<Promotion, RetentionSettings> = {
  summary:
    'a candidate is held when a label or slice is answered worse than by the best of the last versions',
  settings,
  open: (settings) => ({
    needs: { heldOut: true, versions: settings.versions },
    decide: (facts) => decide(facts, settings),
  }),
}

function decide(
  { outcomes = [], periods = [] }: PromotionFacts,
  { points, alpha, after }: RetentionSettings,
) {
  const mature = periods.flatMap(({ events }, at) => (events >= after ? [at] : []))
  const best = bestOf(mature, outcomes)
  if (best === undefined)
    return { verdict: 'promote', reason: 'retention: no earlier versions to compare with' } as const
  const parts = partsOf(outcomes, best)
  const level = alpha / Math.max(1, parts.size)
  const tested = [...parts].map(([part, differences]) => {
    const test = new SequentialTest({ alpha: level, atMost: points / 100 })
    for (const difference of differences) test.observe(difference)
    return { part, test }
  })
  const { first = '', last = '' } = periods[best] ?? {}
  const against = first === last ? first : `${first}–${last}`
  const fallen = tested.filter(({ test }) => test.isRejected && test.mean > points / 100)
  if (fallen.length > 0) {
    const losses = fallen.map(
      ({ part, test }) =>
        `${part} has lost ${(100 * test.mean).toFixed(1)} points on ${test.count} rows`,
    )
    const reason = `retention: against ${against}, ${losses.join(', ')}`
    return { verdict: 'hold', reason, ...(last !== '' && { better: last }) } as const
  }
  const reason = `retention: nothing has fallen against ${against} (${parts.size} parts)`
  return { verdict: 'promote', reason } as const
}

/** Every stratum counts equally: versions that answer one label always are not the best for it. */
function bestOf(periods: readonly number[], outcomes: readonly RowOutcome[]): number | undefined {
  const means = periods.flatMap((at) => {
    const strata = new Map<string, number[]>()
    for (const { strata: own, past } of outcomes) {
      const error = past[at] ?? undefined
      if (error === undefined) continue
      for (const stratum of own) strata.set(stratum, [...(strata.get(stratum) ?? []), error])
    }
    return strata.size === 0 ? [] : [{ at, mean: meanOf([...strata.values()].map(meanOf)) }]
  })
  return means.toSorted((one, other) => one.mean - other.mean || one.at - other.at)[0]?.at
}

function partsOf(outcomes: readonly RowOutcome[], best: number): ReadonlyMap<string, number[]> {
  const parts = new Map<string, number[]>()
  for (const { strata, slice, candidate, past } of outcomes) {
    const before = past[best] ?? undefined
    if (before === undefined) continue
    const named = strata.map((stratum) => `“${stratum}”`)
    const names = [EVERYTHING, ...named, ...(slice === undefined ? [] : [`slice “${slice}”`])]
    for (const name of names) {
      const differences = parts.get(name) ?? []
      differences.push(candidate - before)
      parts.set(name, differences)
    }
  }
  return parts
}

/** The part that has the most rows notices a small fall first. */
const EVERYTHING = 'everything'

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
