/** What is special about each promotion policy, and policies that decide together. */
import { describe, expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Promotion, PromotionFacts, Scores } from '../../src/contracts/policy.ts'
import { jointPromotion } from '../../src/evaluation/joint-promotion.ts'

const open = (policy: string, settings: object = {}): Promotion =>
  openPolicy('promotion', policies.promotion, { policy, ...settings })

function scoresOf(accuracy: number): Scores {
  return { count: 100, accuracy, accuracy_recent: accuracy, loss: 1 - accuracy }
}

function compared(candidate: number, live: number): PromotionFacts {
  return {
    version: 'v9',
    rows: 100,
    from: 'held-out',
    candidate: scoresOf(candidate),
    live: scoresOf(live),
    prequential: scoresOf(0.5),
  }
}

const unknown: PromotionFacts = {
  version: 'v1',
  rows: 0,
  from: 'none',
  candidate: scoresOf(0),
  prequential: scoresOf(0),
}

describe('manual', () => {
  it('holds every candidate, however good it is', () => {
    for (const facts of [unknown, compared(1, 0)])
      expect(open('manual').decide(facts).verdict).toBe('hold')
  })
})

describe('margin', () => {
  it.each([
    [0, 0.7, 0.7, 'promote'],
    [0, 0.69, 0.7, 'hold'],
    [10, 0.7, 0.6, 'promote'],
    [10, 0.69, 0.6, 'hold'],
    [-2, 0.68, 0.7, 'promote'],
    [-2, 0.67, 0.7, 'hold'],
  ])('of %d points: %d after %d is a case to %s', (points, candidate, live, verdict) => {
    expect(open('margin', { points }).decide(compared(candidate, live)).verdict).toBe(verdict)
  })

  it('promotes where there is nothing to compare with', () => {
    expect(open('margin', { points: 5 }).decide(unknown)).toEqual({
      verdict: 'promote',
      reason: 'margin: no rows on which to compare',
    })
  })
})

describe('policies that decide together', () => {
  const joint = (...names: string[]) =>
    jointPromotion(names.map((name) => ({ name, policy: open(name) })))

  it('promote when every one agrees, and say what each has said', () => {
    const decision = joint('always', 'margin').decide(compared(0.8, 0.7))
    expect(decision.verdict).toBe('promote')
    expect(decision.verdicts).toEqual([
      { policy: 'always', verdict: 'promote', reason: 'promotion: always' },
      {
        policy: 'margin',
        verdict: 'promote',
        reason: 'margin: +10.0 points on 100 rows, 0 required',
      },
    ])
  })

  it('hold when one of them does: the reason names only those that hold', () => {
    const decision = joint('always', 'margin', 'manual').decide(compared(0.6, 0.7))
    expect(decision).toMatchObject({
      verdict: 'hold',
      reason:
        'margin: −10.0 points on 100 rows, 0 required; manual: held until a person promotes it',
    })
    expect(decision.verdicts?.map(({ verdict }) => verdict)).toEqual(['promote', 'hold', 'hold'])
  })

  it('look at scores when one of them does', () => {
    expect(joint('always', 'manual').looksAtScores).toBe(false)
    expect(joint('always', 'margin').looksAtScores).toBeUndefined()
  })

  it('need what any of them needs: most versions, and all examples', () => {
    const needing = (needs: Promotion['needs']) => ({ ...open('always'), ...(needs && { needs }) })
    const [one, other] = [
      { line: 1, text: 'a' },
      { line: 2, text: 'b' },
    ]
    const { needs } = jointPromotion([
      { name: 'a', policy: needing({ versions: 10, golden: [one] }) },
      { name: 'b', policy: needing({ versions: 40, heldOut: true, golden: [other] }) },
      { name: 'c', policy: needing(undefined) },
    ])
    expect(needs).toEqual({ heldOut: true, versions: 40, golden: [one, other] })
  })

  it('a single one decides with its own reason', () => {
    expect(joint('always').decide(unknown)).toMatchObject({
      verdict: 'promote',
      reason: 'promotion: always',
    })
  })
})
