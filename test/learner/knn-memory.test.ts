/** Instant memory in the trainer: versions at once, over rollbacks, retractions, restarts and another config. */
import { describe, expect, test } from 'vitest'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { event } from '../trainer/events.ts'
import { finalState } from '../trainer/final-state.ts'
import { tinyBase, TinyTrainable, tinyLatent } from '../trainer/tiny.ts'
import { placeOf, tinyKnnMemory } from './tiny-knn-memory.ts'
import { openWorld, runToEnd, startIn, type Setting, type World } from '../trainer/world.ts'
import { KnnMemory } from '../../src/learner/memory/knn-memory.ts'
import type { ExampleKey } from '../../src/contracts/core.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const lesson = (id: string, text: string, label: string) => event({ id, text, label })
const setting: Setting = { every: 100, knnMemory: tinyKnnMemory() }
const { engine } = tinyKnnMemory()

/** As a server has it: from the version alone. */
function answer(world: World, version: string, text: string): string {
  const { manifest, parameters } = world.registry.versions.get(version)!
  const latent = tinyLatent(tinyBase.encode({ kind: 'text', text }, 64))
  const head = ['head.weight', 'head.bias'].map((name) => [name, parameters.get(name)!] as const)
  const trainable = new TinyTrainable({ head: labelsOf(manifest), parameters: new Map(head) })
  const logits = trainable.score([latent])[0]!
  const mixed = engine.mix(parameters, logits, placeOf(latent))
  return classificationOf().decode(mixed, ofRow(manifest.facts)).label
}

const lastOf = (world: World) => [...world.registry.versions.keys()].at(-1)!
const manifestOf = (world: World, version = lastOf(world)) =>
  world.registry.versions.get(version)!.manifest
const memoryOf = (world: World) => finalState(world)!.memorised.map((text) => text.split(' ')[0])
const rows = (world: World, table: string) =>
  world.store.get(`SELECT count(*) AS count FROM ${table}`)!.number('count')

describe('one correction', () => {
  test('makes a version at once, which answers it and its like so, and nothing else', async () => {
    const world = openWorld({ s: [lesson('1', 'zzzz', 'yes')] })
    await runToEnd(world, setting)
    expect(['zzzz', 'zzzzz', 'aaaa'].map((text) => answer(world, 'v0', text))).toEqual(
      Array(3).fill('no'),
    )
    expect(world.registry.moves.map(({ live }) => live.version)).toEqual(['v0', 'v1'])
    expect(['zzzz', 'zzzzz', 'aaaa'].map((text) => answer(world, 'v1', text))).toEqual([
      'yes',
      'yes',
      'no',
    ])
    expect(manifestOf(world)).toMatchObject({
      parent: 'v0',
      events: 0,
      steps: 0,
      span: {},
      memory: { items: 1 },
      reason: 'memory: wrong answers: 1',
    })
  })

  test('waits for its update afterwards, and is learned once', async () => {
    const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'aaaa', 'no')] })
    const status = await runToEnd(world, { ...setting, every: 2 })
    expect(status.counts).toMatchObject({ accepted: 2, learned: 2 })
    expect(manifestOf(world)).toMatchObject({
      version: 'v2',
      parent: 'v1',
      events: 2,
      span: { s: { '0': ['', '2'] } },
    })
    // Each came before memory knew anything about it.
    expect(status).toMatchObject({ prequential: { count: 0 }, counts: { unanswered: 2 } })
  })

  test('costs no copy of the weights', async () => {
    const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'zyzy', 'no')] })
    await runToEnd(world, setting)
    expect([...world.registry.versions.keys()]).toEqual(['v0', 'v1', 'v2'])
    expect([rows(world, 'snapshots'), rows(world, 'weights')]).toEqual([3, 1])
  })

  test('teaches a label at once that nobody had seen', async () => {
    const world = openWorld({ s: [lesson('1', 'zzzz', 'odd')] })
    const labels = { open: true, known: ['no', 'yes'], limit: 5 }
    await runToEnd(world, { ...setting, labels })
    expect(labelsOf(manifestOf(world))).toEqual(['no', 'yes', 'odd'])
    expect(answer(world, 'v1', 'zzzz')).toBe('odd')
    expect(answer(world, 'v1', 'aaaa')).toBe('no')
  })

  test('of a correction is what counts', async () => {
    const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'zzzz', 'no')] })
    await runToEnd(world, setting)
    expect(answer(world, 'v1', 'zzzz')).toBe('yes')
    expect(answer(world, 'v2', 'zzzz')).toBe('no')
    expect(memoryOf(world)).toEqual(['s\u00002'])
  })
})

test('answers that are right make no version of their own; some wrong ones may share one', async () => {
  const right = Array.from({ length: 5 }, (_, at) =>
    lesson(`r${at}`, `aaaa${'d'.repeat(at)}`, 'no'),
  )
  const world = openWorld({ s: right })
  await runToEnd(world, setting)
  expect(lastOf(world)).toBe('v0')
  expect(memoryOf(world)).toHaveLength(5)
  const wrong = ['hhhh', 'gggg', 'ffff'].map((text) => lesson(text, text, 'yes'))
  world.streams.get('s')!.push(...wrong)
  await runToEnd(world, { ...setting, knnMemory: tinyKnnMemory({ every: 3 }) })
  expect(lastOf(world)).toBe('v1')
  expect(manifestOf(world).memory).toMatchObject({ items: 8 })
})

test('a rollback takes memory back with the weights', async () => {
  const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'yyyy', 'yes')] })
  const running = startIn(world, setting)
  await running.readAll()
  const expect_ = world.registry.moves.at(-1)!.generation
  await world.registry.point({ version: 'v1', expect: expect_, reason: 'no', by: 'rollback' })
  running.loop.wake()
  await running.readAll()
  world.streams.get('s')!.push(lesson('3', 'xxxx', 'yes'))
  running.loop.wake()
  await running.readAll()
  await running.stop()
  expect(manifestOf(world)).toMatchObject({ version: 'v3', parent: 'v1' })
  expect(['zzzz', 'yyyy', 'xxxx'].map((text) => answer(world, 'v3', text))).toEqual([
    'yes',
    'no',
    'yes',
  ])
  expect(memoryOf(world)).toEqual(['s\u00001', 's\u00003'])
})

test('what is retracted is forgotten at once, and no older state brings it back', async () => {
  const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'yyyy', 'yes')] })
  await runToEnd(world, setting)
  world.streams.get('s')!.push(event({ id: '1' }))
  await runToEnd(world, setting)
  expect(manifestOf(world)).toMatchObject({ version: 'v3', memory: { items: 1 } })
  expect(answer(world, 'v3', 'zzzz')).toBe('no')
  expect(
    world.store.get(`SELECT count(*) AS c FROM memorised WHERE hex(key) = '730031'`)?.number('c'),
  ).toBe(0)
})

test('it starts empty where inputs are compared by something else than it was kept by', async () => {
  const world = openWorld({ s: ['zzzz', 'yyyy'].map((text) => lesson(text, text, 'yes')) })
  const at = (cut: number) => ({ ...setting, knnMemory: { ...tinyKnnMemory(), cut } })
  await runToEnd(world, at(1))
  expect(manifestOf(world).memory).toMatchObject({ at_cut: true, items: 2 })
  await runToEnd(world, at(1))
  expect(memoryOf(world)).toHaveLength(2)
  await runToEnd(world, at(2))
  expect(memoryOf(world)).toEqual([])
  world.streams.get('s')!.push(lesson('1', 'xxxx', 'yes'))
  await runToEnd(world, setting)
  expect(memoryOf(world)).toEqual(['s\u00001'])
  expect(manifestOf(world).memory).not.toHaveProperty('at_cut')
})

test('it stays when its trainer starts again, within the bounds of then, or not at all', async () => {
  const texts = ['zzzz', 'yyyy', 'xxxx', 'wwww']
  const world = openWorld({ s: texts.map((text) => lesson(text, text, 'yes')) })
  await runToEnd(world, setting)
  expect(memoryOf(world)).toHaveLength(4)
  await runToEnd(world, { ...setting, knnMemory: tinyKnnMemory({ capacity: 2 }) })
  expect(memoryOf(world)).toEqual(['s\u0000xxxx', 's\u0000wwww'])
  world.streams.get('s')!.push(lesson('5', 'aaaa', 'no'))
  await runToEnd(world, { every: 5 })
  expect(memoryOf(world)).toEqual([])
  expect(manifestOf(world)).not.toHaveProperty('memory')
  expect([...world.registry.versions.get(lastOf(world))!.parameters.keys()].sort()).toEqual([
    'head.bias',
    'head.weight',
  ])
})

test('a version of which only its files are left is promoted, and memory stays', async () => {
  const world = openWorld({ s: [lesson('1', 'zzzz', 'yes'), lesson('2', 'yyyy', 'yes')] })
  await runToEnd(world, setting)
  world.store.run('DELETE FROM snapshots')
  const { generation } = world.registry.moves.at(-1)!
  await world.registry.point({ version: 'v1', expect: generation, reason: 'no', by: 'promote' })
  world.streams.get('s')!.push(lesson('3', 'xxxx', 'yes'))
  await runToEnd(world, setting)
  expect(manifestOf(world)).toMatchObject({ parent: 'v1', memory: { items: 3 } })
})

test('a restart compares no stored example with the others, unless the policy keeps fewer now', () => {
  const stored = Array.from({ length: 100 }, (_, at) => ({
    ...{ key: `s ${at}` as ExampleKey, vote: 'yes', at },
    vector: Float32Array.of(Math.cos(at / 40), Math.sin(at / 40)),
  }))
  const restored = (capacity: number) => {
    const parts = tinyKnnMemory({ capacity })
    let offers = 0
    const policy: typeof parts.policy = {
      ...parts.policy,
      offer(...given) {
        offers += 1
        return parts.policy.offer(...given)
      },
    }
    const memory = new KnnMemory({ ...parts, policy }, classificationOf())
    memory.restore(stored.toReversed(), {})
    return { offers, items: memory.items }
  }
  expect(restored(100)).toEqual({ offers: 1, items: stored })
  expect(restored(60).items).toEqual(stored.slice(40))
})
