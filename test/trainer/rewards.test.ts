/**
 * Rewards of shown items in the trainer: one lesson for each item of an answer, none within the window is nothing earned, and a
 * trainer that dies at random instants ends where one ends that never died (law 2).
 */
import { describe, expect, it } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openPair } from '../../src/bases/pair/pair.ts'
import type { Json } from '../../src/contracts/core.ts'
import type { RankedItem } from '../../src/contracts/choice.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { openPolicies, openPolicy } from '../../src/config/plugins/open-policy.ts'
import { jointPromotion } from '../../src/evaluation/release-decisions.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRanking } from '../../src/tasks/ranking/ranking.ts'
import { expectSameEnd, seedsBelow } from '../simulation/random-deaths.ts'
import { finalState } from './final-state.ts'
import { hyperparameters, tensorsOf, tf } from './rig.ts'
import { Crash, openInstantClock, openWorld, runToEnd, type Setting, type World } from './world.ts'

const side = { standardise: false, size: 2 }
const base = openPair({ context: side, item: side })
/** A record comes a millisecond after the one before. */
const WINDOW = 6
const task = openRanking(
  { reward_min: 0, reward_max: 1, reward_window: WINDOW },
  openPolicy('exploration', policies.exploration, { policy: 'bootstrap', members: 2 }),
)
const config = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 } as const
const plan = { base, method: methods.head, task, config, outputs: task.outputs(task.start) }
const trunk = await openTrunkEngine(base, 0)

/** It stands still: windows close by the records alone. */
const still = { ...openInstantClock(), nowMs: () => 0 }

const setting: Setting = {
  clock: still,
  ...{ base, trunk, task, adapter: config, every: 3, capacity: 8 },
  parse: ({ value, timeMs = 0 }, source) =>
    parseEvent(value, defaultLimits, {
      ...{ source, timeMs, reads: base.reads, signals: task.view.signals },
    }),
  limits: { waitingJoins: 50 },
  freshParameters: () => freshAdapter(plan, openRandom(1, 'fresh')),
  openTrainable: (start) =>
    openTrainable({
      ...{ ...plan, ...start, tf, hyperparameters, baseTensors: tensorsOf(base) },
      regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    }),
}

const items = ['a', 'b']
const candidates = items.map((id, at) => ({ id, input: [at, 1 - at] }))

/** An answer that shows both items, served at this time. */
function serve(world: World, id: string, timeMs: number): void {
  const asked = { context: [1, timeMs % 2] satisfies Json, candidates }
  const order = items.map((item): RankedItem => ({ id: item, score: 0.5, propensity: 0.5 }))
  const kept = task.choices!.served(task.choices!.read(asked, defaultLimits), order, {
    seed: id,
    odds: [0.5, 0.5],
  })
  world.predictions.set(id, { id, ...kept, version: 'v0', timeMs })
}

const shown = (about: string, item: string) =>
  JSON.stringify({ id: `${about}/${item}`, source: 'shown', prediction_id: about, shown: item })
const reward = (about: string, item: string, more: object = {}) =>
  JSON.stringify({ prediction_id: about, item, reward: 1, ...more })
/** Time passes. */
const ticks = (count: number) =>
  Array.from({ length: count }, (_, at) => JSON.stringify({ id: `tick-${at}`, retract: true }))

async function ran(events: readonly string[]) {
  const world = openWorld({ s: events })
  serve(world, 'p', 0)
  const { counts } = await runToEnd(world, { ...setting, every: 100 })
  const codes = [...world.letters.values()].map(({ code }) => code)
  const refused = codes.filter((code) => code !== 'RETRACTION_UNMATCHED')
  const { pending, waiting } = finalState(world)!
  return { learned: pending, waits: waiting, refused, counts }
}

describe('an item that was shown', () => {
  it('waits for its reward while the window is open, and is no lesson yet', async () => {
    const { learned, waits } = await ran([shown('p', 'a'), ...ticks(WINDOW - 1)])
    expect(learned).toEqual([])
    expect(waits).toHaveLength(1)
  })

  it('has earned nothing when the window is over, once', async () => {
    const said = [shown('p', 'a'), shown('p', 'a'), ...ticks(WINDOW + 3)]
    const { learned, waits, counts } = await ran(said)
    expect(learned).toHaveLength(1)
    expect(waits).toEqual([])
    expect(counts.duplicates).toBe(1)
  })

  it.each([
    ['before its reward', [shown('p', 'a'), reward('p', 'a')]],
    ['after its reward', [reward('p', 'a'), shown('p', 'a')]],
  ])('that is said %s is one lesson', async (_, said) => {
    const { learned, waits, refused } = await ran([...said, ...ticks(2 * WINDOW)])
    expect(learned).toHaveLength(1)
    expect(learned[0]).not.toContain('shown')
    expect([waits, refused]).toEqual([[], []])
  })

  it('is one lesson beside the other items of its answer', async () => {
    const said = [shown('p', 'a'), shown('p', 'b'), reward('p', 'b'), ...ticks(2 * WINDOW)]
    const { learned } = await ran(said)
    expect(learned).toHaveLength(2)
  })
})

describe('a window that ends while nothing comes', () => {
  const clock = openInstantClock()
  const pairs: Setting = { ...setting, every: 2 }
  const resting: Setting = {
    ...{ ...pairs, clock },
    until: ({ counts, state }) => state === 'idle' && counts.learned === 2,
  }
  const said = [shown('p', 'a'), shown('p', 'b')]
  const openShop = () => {
    const world = openWorld({ s: said })
    serve(world, 'p', 0)
    return world
  }

  it('is closed by the clock, and its items have earned nothing', async () => {
    const world = openShop()
    await runToEnd(world, resting)
    expect(finalState(world)).toMatchObject({ pending: [], waiting: [] })
    // A reward that was accepted in time may have been on its way for a second.
    expect(clock.nowMs()).toBeGreaterThan(WINDOW + 1000)
    world.streams.get('s')!.push(reward('p', 'a'))
    await runToEnd(world, setting)
    expect([...world.letters.values()].map(({ code }) => code)).toEqual(['REWARD_LATE'])
  })

  it('is closed at the same place of the stream after a crash, whatever has come since', async () => {
    const calm = openShop()
    await runToEnd(calm, resting)
    const world = openShop()
    // There are two of each version: before it is written, and after.
    let publications = 0
    const death = (effect: string) => {
      if (effect === 'publish' && (publications += 1) === 3) throw new Crash(effect)
    }
    await expect(runToEnd(world, { ...resting, chaos: death })).rejects.toThrow(Crash)
    for (const each of [calm, world]) {
      each.streams.get('s')!.push(reward('p', 'a'), reward('q', 'a'))
      await runToEnd(each, pairs)
    }
    expect([...world.registry.versions.keys()]).toEqual(['v0', 'v1'])
    expect(finalState(world)).toEqual(finalState(calm))
  })
})

describe('a reward', () => {
  it('is late after the window, whether or not its item has become a lesson', async () => {
    const said = [shown('p', 'a'), ...ticks(2 * WINDOW), reward('p', 'a'), reward('p', 'b')]
    const { learned, refused } = await ran(said)
    expect(learned).toHaveLength(1)
    expect(refused).toEqual(['REWARD_LATE', 'REWARD_LATE'])
  })

  it('is a duplicate when it comes again, replaced by another one, and repeated under another id', async () => {
    const same = await ran([reward('p', 'a'), reward('p', 'a')])
    expect([same.learned.length, same.counts.duplicates]).toEqual([1, 1])
    const other = await ran([reward('p', 'a'), reward('p', 'a', { reward: 0.5 })])
    expect([other.learned.length, other.counts.duplicates]).toEqual([1, 0])
    const { learned, refused } = await ran([reward('p', 'a'), reward('p', 'a', { id: 'click-2' })])
    expect(learned).toHaveLength(1)
    expect(refused).toEqual(['REWARD_REPEATED'])
  })

  it('waits for its answer like other feedback', async () => {
    const { waits } = await ran([reward('later', 'a')])
    expect(waits).toHaveLength(1)
  })

  it.each([
    ['ITEM_NOT_SHOWN', { item: 'c' }],
    ['PROPENSITY_ALTERED', { item: 'a', propensity: 0.9 }],
    ['REWARD_INVALID', { item: 'a', reward: 2 }],
  ])('is refused as %s', async (code, said) => {
    const { learned, refused } = await ran([reward('p', 'a', said)])
    expect([learned, refused]).toEqual([[], [code]])
  })
})

/** Answers, what was shown of them, rewards in time, late and repeated, in any order. */
function worldOf(seed: number): World {
  const { below } = openRandom(seed, 'stream')
  const events: string[] = []
  const world = openWorld({ s: events })
  const sure = (at: number) => `p-${Math.max(0, at - below(12))}`
  for (let at = 0; at < 40; at += 1) {
    serve(world, `p-${at}`, at)
    const item = items[below(2)]!
    const more = below(3) === 0 ? { id: `click-${below(20)}` } : {}
    events.push(below(2) === 0 ? shown(sure(at), item) : reward(sure(at), item, more))
  }
  world.streams.set('s', events)
  return world
}

/** A part of the rewards is held out, and a candidate is compared by what it would have earned there. */
const compared = (): Setting => ({
  ...setting,
  promotion: jointPromotion(
    openPolicies('promotion', policies.promotion, [{ policy: 'off-policy' }, { policy: 'always' }]),
  ),
  limits: { ...setting.limits, heldOut: { share: 0.4, rows: 50, bytes: 1e6 } },
})

it('a candidate is compared with the live version by what each would have earned', async () => {
  const world = worldOf(1)
  await runToEnd(world, compared())
  const manifests = [...world.registry.versions.values()].map(({ manifest }) => manifest)
  const { reason, off_policy: facts } = manifests.at(-1)!
  expect(reason).toMatch(/off-policy: earns 0\.\d+ \(DR; IPS .* the live version earns/)
  expect(reason).toContain(`earns ${facts!.candidate.dr.value.toFixed(3)} (DR;`)
  expect(facts!.live!.choices).toBe(facts!.candidate.choices)
})

it('each version keeps what it would have earned wherever rewards are held out, and none does where they are not', async () => {
  const heldOut = { share: 0.4, rows: 50, bytes: 1e6 }
  const world = worldOf(1)
  await runToEnd(world, { ...setting, limits: { ...setting.limits, heldOut } })
  const facts = [...world.registry.versions.values()].map(({ manifest }) => manifest.off_policy)
  const { candidate, logged } = facts.at(-1)!
  expect(facts[0]).toBeUndefined()
  expect(candidate.choices).toBeGreaterThan(0)
  expect(logged).toBeGreaterThanOrEqual(0)
  for (const { low, high } of [candidate.ips, candidate.dr]) {
    expect(low).toBeGreaterThanOrEqual(0)
    expect(high).toBeGreaterThan(low)
    expect(high).toBeLessThanOrEqual(1)
  }
  const plain = worldOf(1)
  await runToEnd(plain, setting)
  for (const { manifest } of plain.registry.versions.values())
    expect(manifest.off_policy).toBeUndefined()
})

it('a trainer that dies at random instants has learned the same rewards, and as many nothings', async () => {
  for (const seed of seedsBelow(2)) {
    const settings = () => (seed % 2 === 0 ? setting : compared())
    const world = await expectSameEnd('../trainer/rewards.test.ts', seed, worldOf, settings)
    expect(world.registry.versions.size).toBeGreaterThan(3)
  }
})
