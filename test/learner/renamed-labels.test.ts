/** A label that the config renames while its examples wait, are kept, and have made versions: over restarts and crashes. */
import { describe, expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { event } from '../trainer/events.ts'
import { finalState } from '../trainer/final-state.ts'
import { bytesOf } from '../trainer/rig.ts'
import { openWorld, runToEnd, startIn, type Setting, type World } from '../trainer/world.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const texts = { yes: 'good fine', no: 'awful bad', majority: 'zzz yyy' }
const names = Object.keys(texts) as (keyof typeof texts)[]
const thirds = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => {
    const label = names[(from + at) % 3]!
    return event({ id: `e-${from + at}`, text: texts[label], label })
  })

const before = (): Setting => ({ ...balanced(), labels: { open: false, known: names, limit: 8 } })
const after = (): Setting => ({
  ...balanced(),
  labels: {
    ...{ open: false, limit: 8, known: ['yes', 'no', 'most'] },
    renamed: { majority: 'most', never: 'yes' },
  },
})

/** Keeps state by label. */
function balanced(): Setting {
  const chosen = { policy: 'class-balanced', capacity: 6 }
  return { replay: openPolicy('replay', policies.replay, chosen) }
}

const newest = (world: World) => [...world.registry.versions.values()].at(-1)!

describe('a label that the config renames', () => {
  test('makes a version of the same weights under the new name, once', async () => {
    const world = openWorld({ s: thirds(14) })
    await runToEnd(world, before())
    const old = newest(world)
    await runToEnd(world, after())
    expect(world.registry.moves.at(-1)).toMatchObject({
      live: { version: 'v4' },
      reason: 'labels renamed: majority → most',
    })
    expect(labelsOf(newest(world).manifest)).toEqual(['yes', 'no', 'most'])
    expect(bytesOf(newest(world).parameters)).toEqual(bytesOf(old.parameters))
    await runToEnd(world, after())
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v4' } })
  })

  test('keeps what waits and what is replayed, and takes events that say the old name', async () => {
    const world = openWorld({ s: thirds(14) })
    await runToEnd(world, before())
    const kept = finalState(world)!
    await runToEnd(world, after())
    expect(finalState(world)).toMatchObject({
      pending: kept.pending,
      remembered: kept.remembered,
      head: ['yes', 'no', 'most'],
    })
    expect(JSON.stringify(finalState(world)!.learnerState)).toEqual(
      JSON.stringify(kept.learnerState)
        .replaceAll('"majority",', '"most",')
        .replaceAll('"majority"]', '"most"]'),
    )
    const { gone } = finalState(world)!.learnerState.memory.replay as unknown as {
      readonly gone: readonly (readonly [names: readonly string[], mark: number])[]
    }
    expect(gone.flatMap(([groups]) => groups)).toContain('most')
    world.streams.get('s')!.push(...thirds(6, 14))
    const { counts } = await runToEnd(world, after())
    expect(counts).toMatchObject({ accepted: 20, rejected: 0 })
    expect(labelsOf(newest(world).manifest)).toEqual(['yes', 'no', 'most'])
  })

  test('with crashes everywhere gives the same as without', async () => {
    for (const seed of [1, 2, 3]) {
      const lives = async (run: (world: World, setting: () => Setting) => Promise<unknown>) => {
        const world = openWorld({ s: thirds(14) })
        await run(world, before)
        world.streams.get('s')!.push(...thirds(9, 14))
        await run(world, after)
        return finalState(world)
      }
      const calm = await lives((world, setting) => runToEnd(world, setting()))
      const stormy = await lives((world, setting) =>
        runWithCrashes(world, setting, seed, { crashes: 20, effects: 20 }),
      )
      expect(stormy, `seed ${seed}`).toEqual(calm)
    }
  })

  test('can be gone back over: the older version goes on under the new name', async () => {
    const world = openWorld({ s: thirds(14) })
    await runToEnd(world, before())
    const running = startIn(world, after())
    await running.readAll()
    const { generation } = world.registry.moves.at(-1)!
    await world.registry.point({ version: 'v2', expect: generation, reason: 'bad', by: 'rollback' })
    world.streams.get('s')!.push(...thirds(6, 14))
    await running.readAll()
    const { state } = await running.stop()
    expect(state).toBe('stopped')
    expect(newest(world).manifest).toMatchObject({
      parent: 'v2',
      facts: { labels: ['yes', 'no', 'most'] },
    })
  })

  test('is retired if the model has the new name too, and its later events count for that', async () => {
    const merged = (): Setting => ({
      ...balanced(),
      labels: { open: false, limit: 8, known: ['yes', 'no'], renamed: { majority: 'no' } },
    })
    const world = openWorld({ s: thirds(14) })
    await runToEnd(world, before())
    await runToEnd(world, merged())
    expect(newest(world).manifest).toMatchObject({
      reason: 'retired: majority',
      facts: { labels: ['yes', 'no', 'majority'], retired: ['majority'] },
    })
    const { version } = newest(world).manifest
    await runToEnd(world, merged())
    expect(newest(world).manifest.version).toBe(version)
    world.streams.get('s')!.push(...thirds(6, 14))
    const { counts } = await runToEnd(world, merged())
    expect(counts).toMatchObject({ accepted: 20, rejected: 0 })
    const learned = newest(world).manifest.learned_from?.strata.map(({ stratum }) => stratum)
    expect(learned?.toSorted()).toEqual(['no', 'yes'])
  })
})

test('a version of before answers with the present name', () => {
  const logits = Float32Array.of(0, 3)
  const { decode } = classificationOf({ renamed: { b: 'c' } })
  expect(decode(logits, ofRow({ labels: ['a', 'b'] }))).toMatchObject({ label: 'c' })
  expect(decode(logits, ofRow({ labels: ['a', 'b'], retired: ['b'] }))).toMatchObject({
    label: 'a',
  })
  // Both are there: each keeps its name, and a version of today leaves the old one out.
  const [both, labels] = [Float32Array.of(0, 3, 1), ['a', 'b', 'c']]
  expect(decode(both, ofRow({ labels }))).toMatchObject({ label: 'b' })
  expect(decode(both, ofRow({ labels, retired: ['b'] }))).toMatchObject({ label: 'c' })
})
