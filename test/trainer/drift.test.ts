/** What an alarm does to a learner, and how triggers of the clock are woken when nothing comes. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Clock } from '../../src/contracts/core.ts'
import type { Alarm, Replay, Trigger } from '../../src/contracts/policy.ts'
import { lessons } from './events.ts'
import { accept, lesson, openTiny, update } from '../learner/learner-fixture.ts'
import { instantClock, openWorld, runToEnd } from './world.ts'

/** An alarm at the example of this number, an update at each second one. */
function alarmAt(number: number, response: Alarm['response']): Trigger {
  let seen = 0
  return {
    needsScore: true,
    observe({ pending }) {
      seen += 1
      const verdict = seen === number || pending >= 2 ? 'update' : 'wait'
      const alarm = { reason: 'it changed', response }
      return { verdict, reason: 'r', ...(seen === number && { alarm }) }
    },
    alarms: () => ({ count: seen < number ? 0 : 1 }),
    snapshot: () => seen,
    restore: (state) => {
      seen = Number(state)
    },
  }
}

const block = (from: number, label: string) =>
  [from, from + 1].map((at) => lesson(`e-${at}`, 'abc', label))

async function learned(response: Alarm['response'], rate = 'drift-reset', replay?: Replay) {
  const tiny = openTiny({
    trigger: alarmAt(4, response),
    rate: openPolicy('rate', policies.rate, { policy: rate }),
    train: { batch: 2, replay_batch: 2, epochs: 1 },
    ...(replay && { replay }),
  })
  const { learner } = tiny
  for (const example of block(1, 'yes')) await accept(learner, example)
  const first = await update(learner)
  const before = learner.parameters()
  for (const example of block(3, 'no')) await accept(learner, example)
  const outcome = await update(learner)
  return { ...tiny, first, before, outcome }
}

test('an alarm is told with the update that it started, and with no other', async () => {
  const { learner, first, outcome } = await learned('report')
  expect(first.alarm).toBeUndefined()
  expect(outcome.alarm).toEqual({ reason: 'it changed', response: 'report' })
  for (const example of block(5, 'no')) await accept(learner, example)
  expect((await update(learner)).alarm).toBeUndefined()
})

test('an alarm that raises the rate makes the step as much larger as the policy says', async () => {
  const moved = async (response: Alarm['response'], rate?: string) => {
    const { learner, before, first } = await learned(response, rate)
    expect(first.steps).toBe(1)
    const bias = learner.parameters().get('head.bias')!.data
    // v ← 0.5·v − 0.1·η·∂L: what is left of the first step is the same in all.
    return bias.map((value, at) => value - 1.5 * before.get('head.bias')!.data[at]!)
  }
  const [plain, raised, unheard] = [
    await moved('report'),
    await moved('raise-rate'),
    await moved('raise-rate', 'constant'),
  ]
  expect(raised[0]! / plain[0]!).toBeCloseTo(5, 4)
  expect(unheard).toEqual(plain)
})

test('with replay begun anew the weights go on, faster, and rehearse nothing from before', async () => {
  const { learner, before } = await learned('fresh-replay')
  expect(learner.remembered.map(({ key }) => key)).toEqual(['desk\0e-3', 'desk\0e-4'])
  const moved = async (replay: Replay, response: Alarm['response']) => {
    const other = (await learned(response, 'drift-reset', replay)).learner
    return other.weights()
  }
  const none = openPolicy('replay', policies.replay, { policy: 'none' })
  expect(learner.weights()).toEqual(await moved(none, 'raise-rate'))
  expect(learner.parameters().get('head.bias')).not.toEqual(before.get('head.bias'))
})

test('fresh weights learn at the first rates of a schedule that falls', async () => {
  const falling = { rate: openPolicy('rate', policies.rate, { policy: 'inverse-sqrt' }) }
  const other = openTiny({ ...falling, train: { batch: 2, replay_batch: 2, epochs: 1 } }).learner
  for (const example of block(3, 'no')) await accept(other, example)
  await update(other)
  const { learner } = await learned('fresh-adapter', 'inverse-sqrt')
  expect(learner.parameters().get('head.bias')).toEqual(other.parameters().get('head.bias'))
})

test('a fresh adapter learns what came with the alarm, and only that', async () => {
  const { learner, outcome } = await learned('fresh-adapter')
  const other = openTiny().learner
  for (const example of block(3, 'no')) await accept(other, example)
  await update(other)
  expect(learner.weights()).toEqual(other.weights())
  expect(learner.remembered.map(({ key }) => key)).toEqual(['desk\0e-3', 'desk\0e-4'])
  expect(outcome.learned).toBe(2)
})

test('the block of an alarm is tested on the adapter that was there before', async () => {
  const { learner } = await learned('fresh-adapter')
  const { learner: other } = await learned('report')
  expect(learner.scores).toEqual(other.scores)
  expect([learner.scores.count, learner.scoreboard.unanswered]).toEqual([2, 2])
})

test('a fresh adapter keeps the labels that the old one had grown', async () => {
  const labels = { open: true, known: [], limit: 4 }
  const { learner } = openTiny({ labels, trigger: alarmAt(2, 'fresh-adapter') })
  await accept(learner, lesson('e-1', 'abc', 'first'))
  await update(learner)
  await accept(learner, lesson('e-2', 'abc', 'second'))
  await update(learner)
  expect(learner.head).toEqual(['first', 'second'])
})

test('an alarm stands in the version that it made, and in the status', async () => {
  const world = openWorld({ s: lessons(40) })
  const status = await runToEnd(world, { trigger: alarmAt(7, 'raise-rate') })
  const reasons = [...world.registry.versions.values()].map(({ manifest }) => manifest.reason)
  expect(
    reasons.filter((reason) =>
      reason.startsWith('the stream has changed (it changed), so it learns faster; '),
    ),
  ).toHaveLength(1)
  expect(reasons.at(-1)).not.toContain('it changed')
  expect(status.alarms).toEqual({ count: 1 })
})

/** As `instantClock`, with the time that people see going on too. */
function walkingClock(): Clock {
  let nowMs = 1_000_000
  return {
    ...instantClock,
    nowMs: () => nowMs,
    async sleep(delayMs, signal) {
      await instantClock.sleep(delayMs, signal)
      nowMs += delayMs
    },
  }
}

test.each(['interval', 'idle'])(
  '%s learns what is pending when nothing more comes',
  async (policy) => {
    const world = openWorld({ s: lessons(3) })
    const chosen = { policy, ...(policy === 'interval' ? { every_ms: 500 } : { rest_ms: 500 }) }
    const status = await runToEnd(world, {
      policies: { trigger: chosen, rate: { policy: 'constant' } },
      clock: walkingClock(),
      until: ({ pending, counts }) => counts.learned === 3 && pending === 0,
    })
    expect(status.counts).toMatchObject({ accepted: 3, learned: 3 })
    expect([...world.registry.versions.keys()]).toEqual(['v0', 'v1'])
  },
)
