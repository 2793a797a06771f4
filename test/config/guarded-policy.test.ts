/** A user's policy that breaks its contract is named, with its module; everything else of it passes unchanged. */
import { expect, test } from 'vitest'
import { guardedPolicy } from '../../src/config/plugins/guarded-plugin.ts'
import { PluginFault } from '../../src/platform/errors.ts'

const own = { kind: 'policy.trigger', name: 'mine' } as const

function thrown(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test.each<[string, () => unknown, string]>([
  ['throws', () => JSON.parse('{') as unknown, 'observe of mine failed'],
  ['answers nothing', () => undefined, 'answers no { verdict, reason }'],
  ['answers a promise', async () => Promise.resolve({}), 'answers no { verdict, reason }'],
  ['gives no text for a reason', () => ({ verdict: 'wait', reason: 7 }), 'answers no'],
])('a trigger that %s is a fault of its module', (_what, observe, message) => {
  const policy = guardedPolicy({ observe }, own, '/mine.mjs') as { observe: () => unknown }
  const fault = thrown(() => policy.observe())
  expect(fault).toBeInstanceOf(PluginFault)
  const { coded } = fault as PluginFault
  expect(coded).toMatchObject({ code: 'PLUGIN_BROKEN', details: { path: '/mine.mjs' } })
  expect(coded.message).toContain(message)
})

test('members, private state and getters are those of the policy, also of a frozen one', () => {
  class Counting {
    #count = 0
    readonly needsScore = false
    get count() {
      return this.#count
    }
    observe() {
      this.#count += 1
      return { verdict: 'wait', reason: `${this.#count}` }
    }
  }
  const policy = guardedPolicy(Object.freeze(new Counting()), own, '/mine.mjs') as Counting
  expect(policy.observe()).toEqual({ verdict: 'wait', reason: '1' })
  expect(policy.observe().reason).toBe('2')
  expect(policy.count).toBe(2)
  expect(policy.needsScore).toBe(false)
  expect('observe' in policy).toBe(true)
  expect('rest' in policy).toBe(false)
  expect((policy as { rest?: unknown }).rest).toBeUndefined()
  expect(policy.observe).toBe(policy.observe)
})

test('a copy of its members with others beside them is guarded as well', () => {
  const policy = guardedPolicy({ every: 3, observe: () => undefined }, own, '/mine.mjs')
  const copy = { ...(policy as { every: number; observe: () => unknown }), more: 1 }
  expect(Object.keys(copy)).toEqual(['every', 'observe', 'more'])
  expect(copy.every).toBe(3)
  expect(thrown(() => copy.observe())).toBeInstanceOf(PluginFault)
})
