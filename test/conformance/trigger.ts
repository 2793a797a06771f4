/** What every trigger must do. `open` makes a fresh one. */
import { describe, expect, it } from 'vitest'
import type { Trigger } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'

export function triggerConformance(name: string, open: () => Trigger): void {
  describe(`trigger ${name}`, () => {
    it('says why with each decision', () => {
      const trigger = open()
      for (const { verdict, reason } of course(trigger)) {
        expect(['wait', 'update']).toContain(verdict)
        expect(reason).not.toBe('')
      }
    })

    it('updates at some time', () => {
      expect(course(open()).map(({ verdict }) => verdict)).toContain('update')
    })

    it('leaves nothing pending for ever when the stream ends', () => {
      const trigger = open()
      if (trigger.rest === undefined) return
      trigger.observe({ pending: 1, nowMs: 0, random: openRandom(1, 'trigger') })
      const verdicts = [0, 1, 2, 3].map(
        (days) => trigger.rest?.({ pending: 1, nowMs: days * 86_400_000 }).verdict,
      )
      expect(verdicts).toContain('update')
      expect(trigger.rest({ pending: 0, nowMs: 9 * 86_400_000 }).verdict).toBe('wait')
    })

    it('counts its alarms, each with a reason and an update, and keeps the count', () => {
      const trigger = open()
      const raised = course(trigger).flatMap((decision) => (decision.alarm ? [decision] : []))
      for (const { verdict, alarm } of raised) {
        expect(verdict).toBe('update')
        expect(alarm?.reason).not.toBe('')
      }
      const other = open()
      other.restore(trigger.snapshot())
      expect(other.alarms?.()).toEqual(trigger.alarms?.())
      if (trigger.alarms) expect(trigger.alarms().count).toBe(raised.length)
      else expect(raised).toEqual([])
    })

    it('starts fresh with the state of another policy', () => {
      const trigger = open()
      trigger.restore({ name: 'another', since: 'never' })
      expect(course(trigger)).toEqual(course(open()))
    })

    it('decides the same about the same course', () => {
      expect(course(open())).toEqual(course(open()))
    })

    it('goes on after a restore as if nothing had happened, also after the second restore', () => {
      const trigger = open()
      course(trigger)
      const state = JSON.stringify(trigger.snapshot())
      const expected = course(trigger)
      const other = open()
      for (let times = 0; times < 2; times += 1) {
        other.restore(JSON.parse(state) as ReturnType<Trigger['snapshot']>)
        expect(course(other)).toEqual(expected)
      }
    })
  })
}

/**
 * Examples come one by one, a second apart, scored mostly right and then mostly wrong; an update takes all that are
 * pending.
 */
function course(trigger: Trigger): readonly ReturnType<Trigger['observe']>[] {
  let pending = 0
  const random = openRandom(1, 'trigger')
  return Array.from({ length: 300 }, (_, at) => {
    pending += 1
    const score = {
      error: at < 200 === at % 5 > 0 ? 0 : 1,
      loss: (at % 7) / 2 + (at < 200 ? 0 : 4),
      answer: 'a',
    }
    const decision = trigger.observe({ pending, score, nowMs: at * 1000, random })
    if (decision.verdict === 'update') pending = 0
    return decision
  })
}
