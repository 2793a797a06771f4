import { expect, test } from 'vitest'
import type { Input } from '../../src/contracts/event.ts'
import { failure } from '../../src/platform/errors.ts'
import { rejection } from '../coded.ts'
import { fakeBase } from './fake-base.ts'
import { settled } from './fake-clock.ts'
import { openFakeEngine } from './fake-engine.ts'
import { openFakeRegistry, versionOf } from './fake-registry.ts'
import { openLive } from './open-live.ts'
import { fakeLanguage } from './fake-writing.ts'

const text = (words: string) => ({ kind: 'text' as const, text: words })

test('the live version of the registry answers, named with its digest and generation', async () => {
  const registry = openFakeRegistry('m', 3)
  await registry.promote('v2')
  const { live, served } = await openLive({ registry })
  const answer = await live.predict({ inputs: [text('A'), text('B')] })
  expect(answer.manifest).toMatchObject({ version: 'v2', digest: 'digest-v2' })
  expect(answer.generation).toBe(1)
  expect(answer.predictions).toEqual([
    { id: 'p-1', size: 1, answer: { label: 'no', score: 2, scores: { row: 65 } } },
    { id: 'p-2', size: 1, answer: { label: 'no', score: 2, scores: { row: 66 } } },
  ])
  expect(served).toEqual([
    {
      id: 'p-1',
      input: text('A'),
      answer: 'no',
      shown: { label: 'no' },
      version: 'v2',
      timeMs: 1_000_000,
    },
    {
      id: 'p-2',
      input: text('B'),
      answer: 'no',
      shown: { label: 'no' },
      version: 'v2',
      timeMs: 1_000_000,
    },
  ])
})

test('a version that was taught with another chat template answers, and the log says so once', async () => {
  const language = { ...fakeLanguage, template: 'now' }
  const registry = openFakeRegistry('m', 2)
  for (const [version, chat_template] of Object.entries({ v7: 'before', v8: 'now' })) {
    const { manifest, parameters } = versionOf('m', Number(version.slice(1)))
    await registry.publish({ manifest: { ...manifest, chat_template }, parameters })
  }
  await registry.promote('v7')
  const { live, log } = await openLive({ registry, live: { base: { ...fakeBase, language } } })
  for (const version of ['v8', 'v1']) await live.swap(await registry.promote(version))
  const warned = log.lines.filter(({ level }) => level === 'warn').map(({ details }) => details)
  expect(warned).toMatchObject([{ version: 'v7', code: 'CHAT_TEMPLATE_CHANGED' }])
})

test('the work for an input ends with the request that asked for it', async () => {
  const registry = openFakeRegistry('m', 2)
  await registry.promote('v1')
  const gone = new AbortController()
  let asked: AbortSignal | undefined
  const prepare = async (_input: Input, _maxTokens: number, signal?: AbortSignal) => {
    asked = signal
    gone.abort(new Error('gone'))
    return new Promise<void>(() => undefined)
  }
  const { live } = await openLive({ registry, live: { base: { ...fakeBase, prepare } } })
  const answer = live.predict({ inputs: [text('A')], signal: gone.signal })
  await expect(answer).rejects.toThrow('gone')
  expect(asked?.aborted).toBe(true)
})

test('without a live version it is not ready, and becomes so by the first move', async () => {
  const { live, registry } = await openLive()
  expect(await rejection(live.predict({ inputs: [text('A')] }))).toMatchObject({
    code: 'NOT_READY',
  })
  await registry.promote('v0')
  await settled()
  expect(live.live()?.manifest.version).toBe('v0')
})

test('a version that is coming is loaded before the pointer moves, and the swap does not read it again', async () => {
  const registry = openFakeRegistry('m', 3)
  const read: string[] = []
  const load: typeof registry.load = async (version) => {
    read.push(version)
    return registry.load(version)
  }
  const { live, engine } = await openLive({ registry: { ...registry, load } })
  await live.prepare?.('v1')
  expect(engine.loaded).toEqual(new Set(['digest-v1']))
  expect(live.live()).toBeUndefined()
  await live.swap(await registry.promote('v1'))
  expect(live.live()?.manifest.version).toBe('v1')
  // What cannot be loaded shows at its swap.
  await live.prepare?.('v9')
  expect(read).toEqual(['v1', 'v9'])
})

test('a request finishes on the version it began with, which is unloaded only after it', async () => {
  const { live, registry, engine } = await openLive({ live: { idleVersions: 0 } })
  await live.swap(await registry.promote('v1'))
  engine.hold()
  const begun = live.predict({ inputs: [text('A')] })
  await settled()
  await live.swap(await registry.promote('v2'))
  expect(engine.loaded).toEqual(new Set(['digest-v1', 'digest-v2']))
  engine.finish()
  const answer = await begun
  expect(answer.manifest.version).toBe('v1')
  expect(answer.predictions[0]?.answer.score).toBe(1)
  expect(engine.loaded).toEqual(new Set(['digest-v2']))
  expect(engine.faults).toEqual([])
})

test('a version that cannot be loaded leaves the old one live, and is logged, counted and shown', async () => {
  const { live, registry, log, metrics, clock } = await openLive()
  await live.swap(await registry.promote('v1'))
  registry.corrupt('v2')
  expect(await rejection(live.swap(await registry.promote('v2')))).toMatchObject({
    code: 'VERSION_CORRUPT',
  })
  expect((await live.predict({ inputs: [text('A')] })).manifest.version).toBe('v1')
  expect(live.failedSwap()).toEqual({
    version: 'v2',
    code: 'VERSION_CORRUPT',
    message: 'v2 was altered',
    sinceMs: clock.nowMs(),
  })
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(await metrics.text()).toContain(
    'antikythera_swap_failures_total{model="m",code="VERSION_CORRUPT"} 1',
  )
})

test('the next move of the pointer is tried after one that failed', async () => {
  const { live, registry } = await openLive()
  registry.corrupt('v2')
  await rejection(live.swap(await registry.promote('v2')))
  await live.swap(await registry.promote('v3'))
  expect(live.live()?.manifest.version).toBe('v3')
  expect(live.failedSwap()).toBeUndefined()
})

test('a swap that failed for a passing reason is tried again by itself', async () => {
  const engine = openFakeEngine()
  const { live, registry, clock, log } = await openLive({ engine })
  engine.failLoad(failure('ENGINE_FAILED', 'the worker ended'))
  await rejection(live.swap(await registry.promote('v1')))
  engine.failLoad(undefined)
  await clock.advance(4999)
  expect(live.live()).toBeUndefined()
  await clock.advance(1)
  await settled()
  expect(live.live()?.manifest.version).toBe('v1')
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
})

test('one that goes on failing is one error in the log, however often it is tried', async () => {
  const engine = openFakeEngine()
  const { live, registry, clock, log } = await openLive({ engine })
  engine.failLoad(failure('ENGINE_FAILED', 'the worker ended'))
  await rejection(live.swap(await registry.promote('v1')))
  const since = live.failedSwap()?.sinceMs
  for (let tried = 0; tried < 5; tried += 1) {
    await clock.advance(5000)
    await settled()
  }
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'error'])
  expect(live.failedSwap()?.sinceMs).toBe(since)
})

test('a burst of moves ends at the latest pointer', async () => {
  const { live, registry } = await openLive()
  const moves = []
  for (const version of ['v1', 'v2', 'v3', 'v4', 'v1']) moves.push(await registry.promote(version))
  await Promise.all(moves.map((pointer) => live.swap(pointer)))
  expect(live.live()?.pointer).toMatchObject({ live: { version: 'v1' }, generation: 5 })
})

test('a version by name answers without becoming live', async () => {
  const { live, registry } = await openLive()
  await live.swap(await registry.promote('v1'))
  const answer = await live.predict({ inputs: [text('A')], version: 'v4' })
  expect(answer.manifest.version).toBe('v4')
  expect(answer.generation).toBeUndefined()
  expect(answer.predictions[0]?.answer.score).toBe(4)
  expect(live.live()?.manifest.version).toBe('v1')
})

test('unknown, removed and altered versions are told apart, and the live one goes on', async () => {
  const { live, registry } = await openLive()
  await live.swap(await registry.promote('v1'))
  registry.remove('v2')
  registry.corrupt('v3')
  for (const [version, code] of [
    ['v99', 'VERSION_UNKNOWN'],
    ['v2', 'VERSION_REMOVED'],
    ['v3', 'VERSION_CORRUPT'],
  ])
    expect(await rejection(live.predict({ inputs: [text('A')], version }))).toMatchObject({ code })
  expect((await live.predict({ inputs: [text('A')] })).manifest.version).toBe('v1')
})

test('proving a version reads it from the disk even when it is warm', async () => {
  const { live, registry } = await openLive()
  await live.swap(await registry.promote('v1'))
  registry.corrupt('v1')
  expect(await rejection(live.prove('v1'))).toMatchObject({ code: 'VERSION_CORRUPT' })
  expect((await live.prove('v2')).digest).toBe('digest-v2')
})

test('an input that the base cannot take is named by its place', async () => {
  const { live, registry } = await openLive()
  await live.swap(await registry.promote('v1'))
  const inputs = [text('A'), { kind: 'features' as const, features: [1] }]
  expect(await rejection(live.predict({ inputs }))).toMatchObject({
    code: 'INPUT_WRONG_KIND',
    message: 'inputs[1]: the base reads text',
    details: { index: 1 },
  })
})

test('a version without labels answers emptily, and asks nothing of the engine', async () => {
  const registry = openFakeRegistry('m', 0)
  await registry.publish(versionOf('m', 0, []))
  await registry.promote('v0')
  const { live, engine } = await openLive({ registry })
  const answer = await live.predict({ inputs: [text('A')] })
  expect(answer.predictions[0]?.answer).toMatchObject({ label: null, code: 'NO_LABELS' })
  expect(engine.runs).toEqual([])
})

test('after closing, the pointer is followed no longer and nothing stays loaded', async () => {
  const { live, registry, engine } = await openLive()
  await live.swap(await registry.promote('v1'))
  await live.close()
  await registry.promote('v2')
  await settled()
  expect(engine.loaded).toEqual(new Set())
})

test('swaps under load: every answer is what the version it names computes, and none fails', async () => {
  const engine = openFakeEngine({ delayMs: () => 1 })
  const registry = openFakeRegistry('m', 40)
  const { live } = await openLive({
    engine,
    registry,
    batcher: { lanes: 2, queue: 1000 },
    live: { idleVersions: 0 },
  })
  await live.swap(await registry.promote('v0'))
  let asking = true
  let answered = 0
  const seen = new Set<string>()
  async function ask(client: number): Promise<void> {
    for (let turn = 0; asking; turn += 1) {
      const id = 64 + ((client * 31 + turn) % 1000)
      const { manifest, predictions } = await live.predict({
        inputs: [text(String.fromCodePoint(id))],
      })
      answered += 1
      seen.add(manifest.version)
      expect(`v${String(predictions[0]?.answer.score as number)}`).toBe(manifest.version)
      expect((predictions[0]?.answer.scores as { row: number }).row).toBe(id)
    }
  }
  const clients = Array.from({ length: 8 }, (_, client) => ask(client))
  for (let version = 1; version < 40; version += 1) {
    await live.swap(await registry.promote(`v${version}`))
    const enough = answered + 4
    while (answered < enough) await settled()
  }
  asking = false
  await Promise.all(clients)
  expect(engine.faults).toEqual([])
  expect(engine.loaded).toEqual(new Set(['digest-v39']))
  expect(seen.size).toBeGreaterThan(10)
  expect(answered).toBeGreaterThan(100)
})

test('at the start an older version answers for one that is corrupt, the newest first', async () => {
  const registry = openFakeRegistry('m', 5)
  for (const version of ['v1', 'v2', 'v3']) await registry.promote(version)
  registry.corrupt('v3')
  registry.remove('v2')
  const { live, log } = await openLive({ registry })
  const { manifest, generation } = await live.predict({ inputs: [text('A')] })
  expect([manifest.version, generation]).toEqual(['v1', 1])
  expect(live.failedSwap()).toMatchObject({ version: 'v3', code: 'VERSION_CORRUPT' })
  expect(log.lines.at(-1)).toMatchObject({ level: 'error' })
  // The next move is followed, and all is well.
  await live.swap(await registry.promote('v4'))
  expect(live.live()?.manifest.version).toBe('v4')
  expect(live.failedSwap()).toBeUndefined()
})

test('a version that a person went back from answers only when nothing else can', async () => {
  const registry = openFakeRegistry('m', 4)
  for (const version of ['v1', 'v2', 'v3']) await registry.promote(version)
  await registry.point({ version: 'v2', expect: 3, reason: 'bad', by: 'rollback' })
  registry.corrupt('v2')
  expect((await openLive({ registry })).live.live()?.manifest.version).toBe('v1')
  for (const version of ['v0', 'v1']) registry.corrupt(version)
  expect((await openLive({ registry })).live.live()?.manifest.version).toBe('v3')
})

test('what has no version that can answer says why', async () => {
  const versions = ['v0', 'v1', 'v2', 'v3']
  const registry = openFakeRegistry('m', 4)
  await registry.promote('v1')
  for (const version of versions) registry.corrupt(version)
  const { live, log } = await openLive({ registry })
  const error = await rejection(live.predict({ inputs: [text('A')] }))
  expect(error).toMatchObject({ code: 'NOT_READY', details: { cause: 'VERSION_CORRUPT' } })
  // One line for all of them: a base that was changed fits none of thousands.
  const warnings = log.lines.filter(({ level }) => level === 'warn')
  expect(warnings).toMatchObject([
    { details: { tried: 3 }, message: 'no older version can answer' },
  ])
})
