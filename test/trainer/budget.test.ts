/** A budget of CPU time: updates wait at their place of the stream, so that nothing else is different. */
import { setImmediate as nextTick } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Clock } from '../../src/contracts/core.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, startIn, type Setting, type World } from './world.ts'

const HOUR_MS = 3_600_000

/** An update takes ten seconds, and ten for its evaluation; time passes only when the test says so. */
function metered(perHour?: number) {
  let nowMs = 0
  let seconds = 0
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => nextTick(),
  }
  const compute = { cpuSeconds: () => (seconds += 10), ...(perHour !== undefined && { perHour }) }
  return { setting: { clock, compute } satisfies Setting, pass: (ms: number) => (nowMs += ms) }
}

/** Without what measures time: which minutes the updates were made in. */
function learnedIn(world: World) {
  const state = finalState(world)!
  const { compute: _compute, ...progress } = state.progress
  return { ...state, progress }
}

test('what an update costs is in its manifest, and the sum in the status and in the next life', async () => {
  const { setting } = metered()
  const world = openWorld({ s: lessons(8) })
  const status = await runToEnd(world, setting)
  expect(status.compute).toEqual({ training: 20, evaluation: 20, lastHour: 40 })
  const manifests = [...world.registry.versions.values()].map(({ manifest }) => manifest.compute)
  const cost = { cpu_seconds: 20, evaluation_cpu_seconds: 10 }
  expect(manifests).toEqual([undefined, cost, cost])
  const again = await runToEnd(world, metered().setting)
  expect(again.compute).toMatchObject({ training: 20, evaluation: 20 })
})

test('when the hour is spent the next update waits, nothing is read, and it is made when there is room', async () => {
  const { setting, pass } = metered(40)
  const world = openWorld({ s: lessons(20) })
  const running = startIn(world, setting)
  while (running.loop.status().state !== 'budget') await nextTick()
  const waiting = running.loop.status()
  expect(waiting).toMatchObject({ pending: 4, lag: 8, counts: { learned: 8 } })
  expect(waiting.compute).toMatchObject({ lastHour: 40, perHour: 40, roomAtMs: HOUR_MS })
  pass(HOUR_MS)
  while (running.loop.status().counts.learned < 16) await nextTick()
  pass(HOUR_MS)
  while (running.loop.status().counts.learned < 20) await nextTick()
  await running.stop()
  const free = openWorld({ s: lessons(20) })
  await runToEnd(free, metered().setting)
  expect(learnedIn(world)).toEqual(learnedIn(free))
})

test('a crash while it waits changes nothing: the update is made at the same place, whatever came since', async () => {
  const free = openWorld({ s: lessons(12) })
  await runToEnd(free, metered().setting)

  const world = openWorld({ s: lessons(12) })
  const { setting } = metered(20)
  await runToEnd(world, { ...setting, until: ({ state }) => state === 'budget' })
  expect(finalState(world)).toMatchObject({ progress: { learned: 4 }, pending: { length: 4 } })
  let effects = 0
  const chaos = () => {
    if ((effects += 1) === 9) throw new Crash('test')
  }
  await expect(runToEnd(world, { ...metered().setting, chaos })).rejects.toThrow(Crash)
  await runToEnd(world, metered().setting)
  expect(learnedIn(world)).toEqual(learnedIn(free))
})

test('a restart begins no new hour', async () => {
  const world = openWorld({ s: lessons(12) })
  const until: Setting['until'] = ({ state }) => state === 'budget'
  for (let life = 0; life < 3; life += 1) await runToEnd(world, { ...metered(20).setting, until })
  expect(finalState(world)?.progress.learned).toBe(4)
})

test('a drift alarm is not forgotten while its update waits', async () => {
  const turned = Array.from({ length: 40 }, (_, at) =>
    event({
      id: `t-${at}`,
      text: at % 2 ? 'good fine' : 'awful bad',
      label: at % 2 ? 'no' : 'yes',
    }),
  )
  const stream = [...lessons(160), ...turned]
  const ddm = () => openPolicy('trigger', policies.trigger, { policy: 'ddm', every: 8, rest: 0 })
  const free = openWorld({ s: stream })
  await runToEnd(free, { ...metered().setting, trigger: ddm() })
  expect(finalState(free)?.versions.length).toBeGreaterThan(20)
  const reasons = (world: World) =>
    [...world.registry.versions.values()].map(({ manifest }) => manifest.reason)
  expect(
    reasons(free).filter((reason) => reason.includes('replay starts empty')).length,
  ).toBeGreaterThan(0)

  // Each life has the budget of one update, and ends while the next one waits.
  const world = openWorld({ s: stream })
  const isOver = () => finalState(world)?.progress.learned === 200
  for (let life = 0; life < 60 && !isOver(); life += 1) {
    const { setting, pass } = metered(20)
    pass(life * HOUR_MS)
    const until: Setting['until'] = ({ state, lag }) =>
      state === 'budget' || (state === 'idle' && lag === 0)
    await runToEnd(world, { ...setting, trigger: ddm(), until })
  }
  expect(reasons(world)).toEqual(reasons(free))
  expect(learnedIn(world)).toEqual(learnedIn(free))
})
