/** What every trigger must do. `open` makes a fresh one. */
import { describe, expect, it } from 'vitest'
import type { Trigger } from '../../src/contracts.ts'

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

/** Examples come one by one, a second apart, scored now right and now wrong; an update takes all that are pending. */
function course(trigger: Trigger): readonly ReturnType<Trigger['observe']>[] {
  let pending = 0
  return Array.from({ length: 300 }, (_, at) => {
    pending += 1
    const score = { correct: at % 3 !== 0, loss: (at % 7) / 2, answer: 'a' }
    const decision = trigger.observe({ pending, score, nowMs: at * 1000 })
    if (decision.verdict === 'update') pending = 0
    return decision
  })
}
