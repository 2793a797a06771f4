import { expect, test } from 'vitest'
import { learnedFrom } from '../../src/trainer/updates/candidate.ts'
import { event, lessons } from './events.ts'
import { openWorld, runToEnd } from './world.ts'

const task = { strata: (target: unknown) => [String(target)] }

test('a version says how many of its new events came from each source and each stratum', async () => {
  const world = openWorld({
    s: [...lessons(4), event({ id: 'a', source: 'desk', text: 'good', label: 'yes' })],
    other: lessons(3, 40),
  })
  await runToEnd(world, { every: 4 })
  const learned = [...world.registry.versions.values()].map(({ manifest }) => manifest)
  expect(learned[0]).not.toHaveProperty('learned_from')
  for (const { learned_from: from, events_new } of learned.slice(1))
    for (const list of [from!.sources, from!.strata])
      expect(list.reduce((sum, { count }) => sum + count, 0)).toBe(events_new)
  const strata = learned.slice(1).flatMap((each) => each.learned_from!.strata)
  expect(new Set(strata.map(({ stratum }) => stratum))).toEqual(new Set(['yes', 'no']))
})

test('the largest counts come first, equal ones by name, and there are at most twenty', () => {
  const examples = Array.from({ length: 100 }, (_, at) => ({
    source: `s-${String(at % 30).padStart(2, '0')}`,
    target: at % 3 === 0 ? 'rare' : 'common',
  }))
  const { sources, strata } = learnedFrom(examples, task)
  expect(sources).toHaveLength(20)
  expect(sources[0]).toEqual({ source: 's-00', count: 4 })
  expect(sources.at(-1)).toEqual({ source: 's-19', count: 3 })
  expect(strata).toEqual([
    { stratum: 'common', count: 66 },
    { stratum: 'rare', count: 34 },
  ])
  expect(learnedFrom(examples.toReversed(), task)).toEqual({ sources, strata })
})
