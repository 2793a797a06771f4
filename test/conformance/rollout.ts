/** What every rollout policy must do. `open` makes a fresh one. */
import { describe, expect, it } from 'vitest'
import type { Random } from '../../src/contracts/core.ts'
import type { JudgedAnswer, Rollout, RolloutDecision } from '../../src/contracts/release.ts'
import { openRandom } from '../../src/platform/random.ts'

export function rolloutConformance(name: string, open: () => Rollout): void {
  describe(`rollout ${name}`, () => {
    it('says why with each decision, and each stage reaches more requests than the one before', () => {
      const rollout = open()
      let share = shareOf(rollout.begin())
      for (const decision of course(rollout, { candidate: 0.2, live: 0.2 })) {
        expect(decision.reason).not.toBe('')
        if (decision.verdict !== 'advance') continue
        const next = shareOf(decision.stage)
        expect(next).toBeGreaterThan(share)
        share = next
      }
    })

    it('ends at some time: a version that is always right goes live', () => {
      const rollout = open()
      if (rollout.begin() === undefined) return
      expect(course(rollout, { candidate: 0, live: 0.3 }).at(-1)?.verdict).toBe('promote')
    })

    it('stops a version that is always wrong', () => {
      const rollout = open()
      if (rollout.begin() === undefined) return
      expect(course(rollout, { candidate: 1, live: 0 }).at(-1)?.verdict).toBe('stop')
    })

    it('begins each trial from the start', () => {
      const rollout = open()
      const first = rollout.begin()
      const expected = course(rollout, { candidate: 0.3, live: 0.2 })
      expect(rollout.begin()).toEqual(first)
      expect(course(rollout, { candidate: 0.3, live: 0.2 })).toEqual(expected)
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const rollout = open()
      rollout.begin()
      course(rollout, { candidate: 0.2, live: 0.2 }, { answers: 25, seed: 'before' })
      const state = JSON.stringify(rollout.snapshot())
      const expected = course(rollout, { candidate: 0.3, live: 0.2 })
      const other = open()
      for (let times = 0; times < 2; times += 1) {
        other.restore(JSON.parse(state) as ReturnType<Rollout['snapshot']>)
        expect(course(other, { candidate: 0.3, live: 0.2 })).toEqual(expected)
      }
    })

    it('starts fresh with the state of another policy', () => {
      const [rollout, fresh] = [open(), open()]
      rollout.begin()
      fresh.begin()
      rollout.restore({ name: 'another', since: 'never' })
      expect(course(rollout, { candidate: 0.3, live: 0.2 })).toEqual(
        course(fresh, { candidate: 0.3, live: 0.2 }),
      )
    })

    it('leaves the answer as it is, and keeps a state of a bounded size', () => {
      const rollout = open()
      rollout.begin()
      const answer = { live: 1 }
      for (let times = 0; times < 2000; times += 1) rollout.observe(answer)
      expect(answer).toEqual({ live: 1 })
      expect(JSON.stringify(rollout.snapshot()).length).toBeLessThan(2000)
    })
  })
}

function shareOf(stage: ReturnType<Rollout['begin']>): number {
  return stage?.kind === 'canary' ? stage.share : 0
}

/** Of each kind that a trial has: a canary's answer, one of the live version, and a pair. Until it decides. */
function course(
  rollout: Rollout,
  errors: { readonly candidate: number; readonly live: number },
  { answers = 5000, seed = 'course' } = {},
): readonly RolloutDecision[] {
  const random = openRandom(1, seed)
  const decisions: RolloutDecision[] = []
  for (let at = 0; at < answers; at += 1) {
    decisions.push(rollout.observe(answerAt(at, errors, random)))
    if (['promote', 'stop'].includes(decisions.at(-1)!.verdict)) break
  }
  return decisions
}

function answerAt(
  at: number,
  errors: { readonly candidate: number; readonly live: number },
  random: Random,
): JudgedAnswer {
  const candidate = random.uniform() < errors.candidate ? 1 : 0
  const live = random.uniform() < errors.live ? 1 : 0
  if (at % 3 === 0) return { candidate }
  return at % 3 === 1 ? { live } : { candidate, live }
}
