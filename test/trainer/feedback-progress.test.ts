/** What a trainer calls settled has been learned and is live, at each moment that it says so. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { lessons } from './events.ts'
import { openIn, openWorld, runToEnd, type Setting } from './world.ts'

async function tellings(setting: Setting, learned: number) {
  const world = openWorld({ s: lessons(10) })
  const stop = new AbortController()
  const told: { settled: number; moves: number; generation: number }[] = []
  const look = () => {
    const { feedback, counts, state } = loop.status()
    const settled = Number(feedback?.settled['0'] ?? 0)
    const generation = feedback?.generation ?? 0
    told.push({ settled, generation, moves: world.registry.moves.length })
    if (state === 'idle' && counts.learned === learned) stop.abort(new Error('done'))
  }
  // Every effect is a moment at which the process may tell its status.
  const loop = openIn(world, { ...setting, feedbackSource: 's', chaos: look }, look)
  await loop.run(stop.signal)
  return told
}

test('by count, what was read is settled when the update that it starts has ended', async () => {
  const told = await tellings({ every: 4 }, 8)
  for (const { settled, generation } of told)
    expect(generation).toBeGreaterThanOrEqual(settled === 0 ? 0 : 1 + Math.floor(settled / 4))
  expect(told.at(-1)).toMatchObject({ settled: 10, generation: 3 })
})

test('with a rest, nothing is settled that a rest will learn', async () => {
  const trigger = openPolicy('trigger', policies.trigger, {
    policy: 'count',
    every: 4,
    rest: '100ms',
  })
  const told = await tellings({ trigger }, 10)
  for (const { settled, generation } of told)
    expect(generation).toBeGreaterThanOrEqual(settled === 0 ? 0 : 1 + Math.ceil(settled / 4))
  expect(told.at(-1)).toMatchObject({ settled: 10, generation: 4 })
})

test('before its checkpoint was read a status says so', async () => {
  const world = openWorld({ s: lessons(10) })
  await runToEnd(world)
  const loop = openIn(world)
  expect(loop.status()).toMatchObject({ state: 'starting', isBlank: true })
  const stop = new AbortController()
  const running = loop.run(stop.signal)
  while (loop.status().isBlank === true) await new Promise(setImmediate)
  expect(loop.status().counts.accepted).toBe(10)
  stop.abort(new Error('done'))
  await running
})
