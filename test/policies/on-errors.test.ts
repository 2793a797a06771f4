/** Answers that fail: when the policy blames the live version for them, and when not. */
import { expect, test } from 'vitest'
import { openPolicies } from '../../src/config/plugins/open-policy.ts'
import type { AnswerWatch } from '../../src/contracts/release.ts'
import { jointWatch } from '../../src/evaluation/release-decisions.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'

const open = (settings: object = {}): AnswerWatch =>
  jointWatch(openPolicies('rollback', policies.rollback, { policy: 'on-errors', ...settings }))!

/** The number of answers until it rolls back; undefined: it never does. */
function backAfter(
  watch: AnswerWatch,
  version: string,
  fails: (at: number) => boolean,
  most = 5000,
) {
  for (let at = 1; at <= most; at += 1)
    if (watch.observe({ version, failed: fails(at) }).verdict === 'rollback') return at
  return undefined
}

test('a version that fails every answer is blamed within twenty of them, with what was seen', () => {
  const watch = open()
  backAfter(watch, 'v1', () => false, 200)
  expect(backAfter(watch, 'v2', () => true)).toBeLessThanOrEqual(20)
  const [last] = Array.from({ length: 30 }, () => watch.observe({ version: 'v3', failed: true }))
  expect(last!.verdict).toBe('keep')
  expect(last!.reason).toBe('on-errors: 100.0 % of 1 answers of v3 failed')
})

test('one that fails a fifth of its answers is blamed too, and one that fails rarely is not', () => {
  const random = openRandom(1, 'answers')
  expect(backAfter(open(), 'v1', () => random.uniform() < 0.2)).toBeLessThan(400)
  expect(backAfter(open(), 'v1', () => random.uniform() < 0.01)).toBeUndefined()
})

test('a fault that the version before had too is not blamed on the live one', () => {
  const watch = open()
  for (let at = 0; at < 12; at += 1) watch.observe({ version: 'v1', failed: true })
  expect(backAfter(watch, 'v2', () => true)).toBeUndefined()
})

test('after a rollback the target is compared with the version that was left', () => {
  const watch = open()
  backAfter(watch, 'v1', () => false, 100)
  expect(backAfter(watch, 'v2', () => true)).toBeDefined()
  expect(backAfter(watch, 'v1', () => true)).toBeUndefined()
})

test('thousands of good answers do not hide that it fails from now on', () => {
  const watch = open()
  const failsFrom = 10_500
  const at = backAfter(watch, 'v1', (answer) => answer > failsFrom, 20_000)
  expect(at! - failsFrom).toBeLessThan(200)
})

test('at most a share alpha of the windows of a sound version end in a rollback', () => {
  const windows = 1000
  let blamed = 0
  for (let seed = 0; seed < windows; seed += 1) {
    const random = openRandom(seed, 'window')
    const watch = open({ alpha: 0.05, window: 400 })
    if (backAfter(watch, 'v1', () => random.uniform() < 0.05, 400) !== undefined) blamed += 1
  }
  expect(blamed / windows).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / windows))
})

test('no answers are watched where no policy asks for them, and of several one may decide alone', () => {
  const watching = (...names: readonly string[]) =>
    jointWatch(
      openPolicies(
        'rollback',
        policies.rollback,
        names.map((policy) => ({ policy })),
      ),
    )
  expect(watching('never', 'on-regression')).toBeUndefined()
  expect(backAfter(watching('on-regression', 'on-errors')!, 'v1', () => true)).toBeDefined()
})
