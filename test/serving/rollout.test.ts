import { expect, test } from 'vitest'
import { placeOf } from '../../src/serving/live/live-model.ts'
import type { RoutingMove } from '../../src/versions/contract.ts'
import { failure } from '../../src/platform/errors.ts'
import { rejection } from '../coded.ts'
import { settled } from './fake-clock.ts'
import { openFakeEngine } from './fake-engine.ts'
import type { FakeRegistry } from './fake-registry.ts'
import { openLive } from './open-live.ts'

const text = (words: string) => ({ kind: 'text' as const, text: words })
const keys = Array.from({ length: 400 }, (_, at) => `user-${at}`)

async function moved(registry: FakeRegistry, move: Pick<RoutingMove, 'canary' | 'shadow'>) {
  const expected = (await registry.live())?.generation ?? 0
  return registry.point({ version: 'v1', expect: expected, reason: 'r', by: 'trainer', ...move })
}

test('a canary answers about its share of the keys, the same ones each time, and more as the share grows', async () => {
  const { live, registry } = await openLive()
  const askAll = async () => {
    const chosen = new Set<string>()
    for (const key of keys)
      if ((await live.predict({ inputs: [text('A')], key })).arm === 'canary') chosen.add(key)
    return chosen
  }
  const seen: ReadonlySet<string>[] = []
  for (const share of [0.01, 0.1, 0.5, 0.9]) {
    await live.swap(await moved(registry, { canary: { version: 'v2', share } }))
    const chosen = await askAll()
    expect(await askAll()).toEqual(chosen)
    expect(chosen.size / keys.length).toBeGreaterThan(share / 2 - 0.005)
    expect(chosen.size / keys.length).toBeLessThan(share * 1.5 + 0.01)
    for (const before of seen) expect([...before].filter((key) => !chosen.has(key))).toEqual([])
    seen.push(chosen)
  }
})

test('a canary that fails for a passing reason is tried again until it answers, which is no move of the pointer', async () => {
  const engine = openFakeEngine()
  const { live, registry, clock, log, metrics } = await openLive({ engine })
  await live.swap(await registry.promote('v1'))
  engine.failLoad(failure('ENGINE_FAILED', 'the worker ended'))
  const canary = { version: 'v2', share: 0.5 }
  await rejection(live.swap(await moved(registry, { canary })))
  for (let time = 0; time < 3; time += 1) {
    await clock.advance(5000)
    await settled()
  }
  engine.failLoad(undefined)
  await clock.advance(5000)
  await settled()
  expect(live.failedSwap()).toBeUndefined()
  const arms = await Promise.all(
    keys.slice(0, 20).map(async (key) => (await live.predict({ inputs: [text('A')], key })).arm),
  )
  expect(arms).toContain('canary')
  expect(log.lines.filter(({ message }) => message === 'live version')).toHaveLength(2)
  expect(await metrics.text()).toContain('antikythera_swaps_total{model="m",by="trainer"} 2')
})

test('the place of a key is the same in every daemon, and another for another canary', () => {
  expect(placeOf('v2', 'ana')).toBeCloseTo(0.0945, 3)
  const places = keys.map((key) => placeOf('v2', key))
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.05)
  expect(keys.map((key) => placeOf('v3', key))).not.toEqual(places)
})

test('an answer names the version that made it, and both arms are stored with the canary', async () => {
  const { live, registry, served, metrics } = await openLive()
  await live.swap(await moved(registry, { canary: { version: 'v2', share: 0.5 } }))
  for (const key of keys.slice(0, 50)) {
    const { manifest, arm, generation, predictions } = await live.predict({
      inputs: [text('A')],
      key,
    })
    expect(arm).toBe(manifest.version === 'v2' ? 'canary' : undefined)
    // The engine says with which adapter it computed.
    expect(predictions[0]?.answer.score).toBe(manifest.version === 'v2' ? 2 : 1)
    expect(generation).toBe(1)
  }
  expect(new Set(served.map(({ version }) => version))).toEqual(new Set(['v1', 'v2']))
  expect(served.every(({ canary }) => canary === 'v2')).toBe(true)
  expect(new Set(served.map(({ unit }) => unit)).size).toBe(50)
  expect(served[0]?.unit).toMatch(/^[0-9a-f]{12}$/)
  const shown = await metrics.text()
  expect(shown).toContain('antikythera_canary_share{model="m"} 0.5')
  expect(shown).toMatch(/antikythera_arm_predictions_total\{model="m",arm="canary"\} \d+/)
})

test('a request without a key gets one of its own, so that a canary sees its share of these too', async () => {
  const { live, registry, served } = await openLive()
  await live.swap(await moved(registry, { canary: { version: 'v2', share: 0.5 } }))
  for (let times = 0; times < 60; times += 1) await live.predict({ inputs: [text('A')] })
  expect(new Set(served.map(({ version }) => version))).toEqual(new Set(['v1', 'v2']))
})

test('a version requested by name answers outside of the trial', async () => {
  const { live, registry, served } = await openLive()
  await live.swap(await moved(registry, { canary: { version: 'v2', share: 0.99 } }))
  await live.predict({ inputs: [text('A')], version: 'v1', key: 'ana' })
  expect(served[0]).not.toHaveProperty('canary')
})

test('a swap during a canary delays and fails no request, and each ends on the version it began with', async () => {
  const { live, registry, engine } = await openLive({ live: { idleVersions: 0, mostVersions: 9 } })
  await live.swap(await moved(registry, { canary: { version: 'v2', share: 0.5 } }))
  engine.hold()
  const begun = keys.slice(0, 8).map(async (key) => live.predict({ inputs: [text('A')], key }))
  await settled()
  await live.swap(await moved(registry, { canary: { version: 'v3', share: 0.5 } }))
  await live.swap(await moved(registry, {}))
  for (let runs = 0; runs < 8; runs += 1) {
    engine.finish()
    await settled()
  }
  const answers = await Promise.all(begun)
  expect(new Set(answers.map(({ manifest }) => manifest.version))).toEqual(new Set(['v1', 'v2']))
  for (const { manifest, predictions } of answers)
    expect(predictions[0]?.answer.score).toBe(Number(manifest.version.slice(1)))
  expect(engine.faults).toEqual([])
  expect(engine.loaded).toEqual(new Set(['digest-v1']))
})

test('while a canary cannot be loaded the live version answers for it, and the fault is shown', async () => {
  const { live, registry, served, metrics } = await openLive()
  await live.swap(await moved(registry, {}))
  registry.corrupt('v2')
  const pointer = await moved(registry, { canary: { version: 'v2', share: 0.9 } })
  expect(await rejection(live.swap(pointer))).toMatchObject({ code: 'VERSION_CORRUPT' })
  expect(live.live()?.pointer.generation).toBe(2)
  expect(live.failedSwap()).toMatchObject({ version: 'v2', code: 'VERSION_CORRUPT' })
  for (const key of keys.slice(0, 20)) await live.predict({ inputs: [text('A')], key })
  expect(served.every(({ version, canary }) => version === 'v1' && canary === undefined)).toBe(true)
  expect(await metrics.text()).toContain('antikythera_canary_share{model="m"} 0\n')
  registry.repair('v2')
  await live.swap(await moved(registry, { canary: { version: 'v2', share: 0.9 } }))
  expect(live.failedSwap()).toBeUndefined()
  const { arm } = await live.predict({ inputs: [text('A')], key: 'user-0' })
  expect(arm).toBe('canary')
})

test('a shadow is computed after the answer and kept with it; feedback that may name it waits for that', async () => {
  const { live, registry, served, engine, metrics } = await openLive()
  await live.swap(await moved(registry, { shadow: 'v2' }))
  engine.hold()
  const asked = live.predict({ inputs: [text('A'), text('B')] })
  await settled()
  engine.finish()
  const answer = await asked
  expect(answer.manifest.version).toBe('v1')
  expect(served).toEqual([])
  const isThere = live.settled()
  await settled()
  engine.finish()
  await isThere
  expect(served).toEqual([
    expect.objectContaining({ version: 'v1', shadow: { version: 'v2', answer: 'no' } }),
    expect.objectContaining({ version: 'v1', shadow: { version: 'v2', answer: 'no' } }),
  ])
  const shown = await metrics.text()
  expect(shown).toContain('antikythera_shadow_answers_total{model="m",agrees="yes"} 2')
})

test('a shadow that falls behind is left out: its queue is bounded, and what it drops is recorded and counted', async () => {
  const { live, registry, served, engine, metrics, batcher } = await openLive({
    live: { shadowRows: 2 },
  })
  await live.swap(await moved(registry, { shadow: 'v2' }))
  engine.hold()
  const asked = keys.slice(0, 6).map(async () => live.predict({ inputs: [text('A')] }))
  // One run at a time, so the shadow stands behind the requests.
  for (let runs = 0; served.length < 4 && runs < 100; runs += 1) {
    await settled()
    engine.finish()
  }
  await Promise.all(asked)
  expect(served.length).toBeGreaterThanOrEqual(3)
  expect(served[0]).not.toHaveProperty('shadow')
  expect(await metrics.text()).toMatch(/shadow_dropped_total\{model="m",reason="full"\} [345]/)
  while (engine.inFlight > 0 || batcher.waiting('m') > 0) {
    engine.finish()
    await settled()
  }
})

test('a shadow that fails costs no answer, and closing records what still waits', async () => {
  const engine = openFakeEngine()
  const { live, registry, served } = await openLive({ engine })
  await live.swap(await moved(registry, { shadow: 'v2' }))
  engine.hold()
  const asked = live.predict({ inputs: [text('A')] })
  await settled()
  engine.finish()
  await asked
  await settled()
  engine.finish(new Error('the engine broke'))
  await live.settled()
  expect(served).toHaveLength(1)
  expect(served[0]).not.toHaveProperty('shadow')
  const other = live.predict({ inputs: [text('B')] })
  await settled()
  engine.finish()
  await other
  const closed = live.close()
  await settled()
  engine.finish()
  await closed
  expect(served).toHaveLength(2)
  expect(engine.loaded.size).toBe(0)
})
