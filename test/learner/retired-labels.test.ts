/** A label that the config retires while its examples wait, are kept, and have made versions: over restarts and crashes. */
import { describe, expect, test } from 'vitest'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { event } from '../trainer/events.ts'
import { finalState } from '../trainer/final-state.ts'
import { slopes, slopesByDifference } from '../optim/gradient-check.ts'
import { bytesOf, not, open, planOf, randomAdapter, rows, tf } from '../trainer/rig.ts'
import { TinyTrainable } from '../trainer/tiny.ts'
import { openWorld, runToEnd, startIn, type Setting, type World } from '../trainer/world.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const texts = { yes: 'good fine', no: 'awful bad', old: 'zzz yyy' }
const names = Object.keys(texts) as (keyof typeof texts)[]
const thirds = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => {
    const label = names[(from + at) % 3]!
    return event({ id: `e-${from + at}`, text: texts[label], label })
  })

function under(...retired: string[]): Setting {
  return {
    labels: { open: false, known: names, retired, limit: 8 },
    openTrainable: (start) => new TinyTrainable(start, retired),
  }
}

const manifest = (world: World, version: string) => world.registry.versions.get(version)!.manifest
const bytes = (world: World, version: string) =>
  bytesOf(world.registry.versions.get(version)!.parameters)
const lettersOf = (world: World) => [...world.letters.values()].map(({ code }) => code)

describe('a label that the config retires', () => {
  test('makes a version of the same weights that does not answer it, once', async () => {
    const world = openWorld({ s: thirds(12) })
    await runToEnd(world, under())
    const before = [...world.registry.versions.keys()].at(-1)!
    await runToEnd(world, under('old'))
    const {
      live: { version },
      reason,
    } = world.registry.moves.at(-1)!
    expect([version, reason]).toEqual(['v4', 'retired: old'])
    expect(manifest(world, version)).toMatchObject({
      parent: before,
      facts: { retired: ['old'] },
      span: {},
    })
    expect(bytes(world, version)).toEqual(bytes(world, before))
    expect(manifest(world, before)).not.toHaveProperty('retired')
    await runToEnd(world, under('old'))
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version } })
  })

  test('comes back by the config alone, with the weights that it had', async () => {
    const world = openWorld({ s: thirds(12) })
    await runToEnd(world, under())
    await runToEnd(world, under('old'))
    await runToEnd(world, under())
    const {
      live: { version },
      reason,
    } = world.registry.moves.at(-1)!
    expect([version, reason]).toEqual(['v5', 'no longer retired: old'])
    expect(manifest(world, version)).not.toHaveProperty('retired')
    world.streams.get('s')!.push(...thirds(3, 12))
    await runToEnd(world, under())
    expect(lettersOf(world)).toEqual([])
  })

  test('is a dead letter with a code of its own', async () => {
    const world = openWorld({ s: thirds(12) })
    await runToEnd(world, under())
    world.streams.get('s')!.push(...thirds(6, 12))
    const status = await runToEnd(world, under('old'))
    expect(lettersOf(world)).toEqual(['LABEL_RETIRED', 'LABEL_RETIRED'])
    expect(status.counts).toMatchObject({ accepted: 16, rejected: 2 })
    expect(manifest(world, 'v5')).toMatchObject({ facts: { retired: ['old'] } })
  })

  test('is neither rehearsed nor learned from what waits, and what is kept of it stays', async () => {
    const late = event({ id: 'late', text: texts.old, label: 'old' })
    const world = openWorld({ s: [...thirds(8), late] })
    await runToEnd(world, { ...under(), capacity: 100 })
    const column = (version: string) => {
      const labels = labelsOf(manifest(world, version))
      const at = labels.indexOf('old')
      const weight = world.registry.versions.get(version)!.parameters.get('head.weight')!
      const own = [...weight.data].filter((_, place) => place % labels.length === at)
      return own.map((value) => value.toFixed(4))
    }
    world.streams.get('s')!.push(...thirds(120, 12))
    const seen: (readonly string[])[] = []
    const spied: Setting = {
      ...under('old'),
      capacity: 100,
      openTrainable(start) {
        const trainable = new TinyTrainable(start, ['old'])
        const step = trainable.step.bind(trainable)
        trainable.step = (batch, factor) => {
          seen.push(
            batch
              .filter(({ isReplayed }) => isReplayed)
              .map(({ target }) => (target as LabelTarget).label),
          )
          return step(batch, factor)
        }
        return trainable
      },
    }
    await runToEnd(world, spied)
    expect(seen.flat().length).toBeGreaterThan(10)
    expect(seen.flat()).not.toContain('old')
    const [before, last] = [...world.registry.versions.keys()].slice(-2) as [string, string]
    // After what the optimizer remembered has faded no example moves the column.
    expect(column(last)).toEqual(column(before))
    expect(column(last)).not.toEqual(column('v0'))
    expect(finalState(world)!.remembered.filter((key) => key.endsWith('late'))).toHaveLength(1)
  })

  test('answers again where somebody goes back to a version of before', async () => {
    const world = openWorld({ s: thirds(12) })
    await runToEnd(world, under())
    const running = startIn(world, under('old'))
    await running.readAll()
    await world.registry.point({
      version: 'v3',
      expect: world.registry.moves.at(-1)!.generation,
      reason: 'as it was',
      by: 'rollback',
    })
    await running.readAll()
    await running.stop()
    await runToEnd(world, under('old'))
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v3' }, by: 'rollback' })
    world.streams.get('s')!.push(...thirds(9, 12))
    await runToEnd(world, under('old'))
    const {
      live: { version },
    } = world.registry.moves.at(-1)!
    expect(manifest(world, version)).toMatchObject({ parent: 'v3', facts: { retired: ['old'] } })
  })

  test('over crashes: the same versions, letters and weights as without any', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const lives = async (run: (world: World, setting: Setting) => Promise<unknown>) => {
        const world = openWorld({ s: thirds(10) })
        await run(world, under())
        world.streams.get('s')!.push(...thirds(20, 10))
        await run(world, under('old'))
        world.streams.get('s')!.push(...thirds(20, 30))
        await run(world, under())
        return finalState(world)
      }
      const calm = await lives(runToEnd)
      const stormy = await lives((world, setting) => runWithCrashes(world, setting, seed))
      expect(stormy, `seed ${seed}`).toEqual(calm)
      expect(calm?.letters.filter((letter) => letter.includes('RETIRED'))).toHaveLength(7)
    }
  })

  test('the config may name labels that no head has', async () => {
    const world = openWorld({ s: thirds(12) })
    await runToEnd(world, under())
    await runToEnd(world, under('never seen'))
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v3' } })
  })
})

describe('a step under a retired label', () => {
  const plan = planOf({ retired: ['b'] })
  const batch = rows(['a', 'c', not('a'), 'b'])

  test('leaves its column of the head alone, and its rows teach nothing', () => {
    const parameters = randomAdapter(plan)
    const trainable = open({ ...plan, parameters })
    const before = trainable.score(batch.map(({ latent }) => latent))
    const expected = [0, 1, 2].map(
      (at) => plan.task.score(before[at]!, batch[at]!.target, plan.head).loss,
    )
    const { loss } = trainable.step(batch)
    expect(loss).toBeCloseTo(expected.reduce((sum, one) => sum + one, 0) / batch.length, 4)
    const { data } = trainable.parameters().get('head.weight')!
    const start = parameters.get('head.weight')!.data
    const moved = [0, 1, 2].map((label) =>
      data.some((value, at) => at % 3 === label && value !== start[at]),
    )
    expect(moved).toEqual([true, false, true])
    trainable.dispose()
  })

  test('has the gradients that its loss says', () => {
    const parameters = randomAdapter(plan)
    const found = slopes(plan, parameters, batch)
    for (const { name, direction, slope } of slopesByDifference(plan, parameters, batch)) {
      const along = found
        .get(name)!
        .data.reduce((sum, value, at) => sum + value * direction[at]!, 0)
      expect(along, name).toBeCloseTo(slope, 2)
    }
  })

  test('in a closed form keeps its sums and takes no share of others', () => {
    const change = planOf({ method: slda, retired: ['b'] })
    const trainable = open(change)
    trainable.step(rows(['a', 'b', 'c', 'a', 'b', 'c'], change))
    const units = 1024
    const sums = () =>
      [...trainable.snapshot().tensors.get('exact/counts')!.data].map((count) => count / units)
    expect(sums()).toEqual([2, 2, 2])
    trainable.step(rows([not('a')], change))
    expect(sums()).toEqual([2, 2, 3])
    trainable.dispose()
    expect(tf.memory().numTensors).toBeGreaterThan(0)
  })
})
