import { expect, test } from 'vitest'
import { AdapterCache } from '../../src/serving/live/adapter-cache.ts'
import { rejection } from '../coded.ts'
import { openFakeEngine } from './fake-engine.ts'
import { openFakeRegistry } from './fake-registry.ts'

function open(limits: { idle?: number; most?: number } = {}) {
  const engine = openFakeEngine()
  const registry = openFakeRegistry('m', 10)
  return {
    engine,
    registry,
    shelf: new AdapterCache({ engine, registry, idle: 1, most: 3, ...limits }),
  }
}

test('an adapter is unloaded only after the last of its holders lets go', async () => {
  const { engine, shelf } = open({ idle: 0 })
  const first = await shelf.hold('v1', 'bounded')
  const second = first.again()
  first.release()
  expect(engine.loaded).toEqual(new Set(['digest-v1']))
  second.release()
  expect(engine.loaded).toEqual(new Set())
})

test('the engine hears when an adapter that stays loaded has no holder left', async () => {
  const resting: string[] = []
  const registry = openFakeRegistry('m', 10)
  const engine = { ...openFakeEngine(), rest: (key: string) => resting.push(key) }
  const shelf = new AdapterCache({ engine, registry, idle: 1, most: 3 })
  const first = await shelf.hold('v1', 'bounded')
  const second = first.again()
  first.release()
  expect(resting).toEqual([])
  second.release()
  expect([resting, shelf.versions]).toEqual([['digest-v1'], ['v1']])
})

test('letting go twice counts once', async () => {
  const { engine, shelf } = open({ idle: 0 })
  const first = await shelf.hold('v1', 'bounded')
  const second = await shelf.hold('v1', 'bounded')
  first.release()
  first.release()
  expect(engine.loaded.size).toBe(1)
  second.release()
  expect(engine.loaded.size).toBe(0)
})

test('concurrent holders of one version share one load', async () => {
  const { engine, registry, shelf } = open()
  let loads = 0
  const load = registry.load
  registry.load = async (version) => {
    loads += 1
    return load(version)
  }
  await Promise.all([1, 2, 3].map(() => shelf.hold('v1', 'bounded')))
  expect(loads).toBe(1)
  expect(engine.loaded.size).toBe(1)
})

test('what nobody holds stays warm, the least recently used goes first', async () => {
  const { shelf } = open({ idle: 2 })
  for (const version of ['v1', 'v2', 'v1', 'v3']) (await shelf.hold(version, 'bounded')).release()
  expect(shelf.versions).toEqual(['v1', 'v3'])
})

test('more versions at once than the bound are refused, except an urgent one', async () => {
  const { shelf } = open({ most: 2 })
  const held = [await shelf.hold('v1', 'bounded'), await shelf.hold('v2', 'bounded')]
  expect(await rejection(shelf.hold('v3', 'bounded'))).toMatchObject({ code: 'QUEUE_FULL' })
  expect((await shelf.hold('v4', 'urgent')).manifest.version).toBe('v4')
  for (const hold of held) hold.release()
  expect((await shelf.hold('v3', 'bounded')).manifest.version).toBe('v3')
})

test('a version that cannot be loaded leaves no trace, and is tried anew', async () => {
  const { engine, registry, shelf } = open()
  expect(await rejection(shelf.hold('v77', 'bounded'))).toMatchObject({ code: 'VERSION_UNKNOWN' })
  expect(shelf.versions).toEqual([])
  registry.remove('v3')
  expect(await rejection(shelf.hold('v3', 'bounded'))).toMatchObject({ code: 'VERSION_REMOVED' })
  engine.failLoad(new Error('out of memory'))
  await expect(shelf.hold('v4', 'bounded')).rejects.toThrow('out of memory')
  engine.failLoad(undefined)
  expect((await shelf.hold('v4', 'bounded')).manifest.version).toBe('v4')
})

test('closing unloads everything, also what is still being loaded', async () => {
  const { engine, shelf } = open()
  await shelf.hold('v1', 'bounded')
  const loading = shelf.hold('v2', 'bounded')
  shelf.close()
  await loading
  expect(engine.loaded).toEqual(new Set())
})
