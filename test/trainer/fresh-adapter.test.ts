/** Another method or rank over a restart: nothing untrained ever answers, and a crash changes nothing. */
import { describe, expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { full } from '../../src/adapters/full.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { FeedbackEvent, Input } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { heldBy, isWorse } from '../../src/evaluation/release-decisions.ts'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { hyperparameters, open, planOf } from './rig.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'
import { nameOf } from '../adapters/name-of.ts'
import { labelsOf } from '../tasks/labels-of.ts'

interface Row {
  readonly input: Input
  readonly label: string
}

const random = openRandom(7, 'rows')
const pick = (words: string) => words.split(' ')[random.below(words.split(' ').length)]!

/** One label in ten is wrong, so that there is an accuracy to fall short of. */
const noisy = (isYes: boolean) => ((random.uniform() < 0.1 ? !isYes : isYes) ? 'yes' : 'no')

function sentence(): Row {
  const isYes = random.uniform() < 0.5
  const word = isYes ? pick('lovely great superb perfect happy') : pick('awful bad broken sad poor')
  const text = `the ${pick('phone film soup hotel train book')} was ${word} ${pick('today again so indeed')}`
  return { input: { kind: 'text', text }, label: noisy(isYes) }
}

function numbers(): Row {
  const features = Array.from({ length: 4 }, () => 20 + 5 * random.normal())
  return { input: { kind: 'features', features }, label: noisy(features[0]! > features[1]!) }
}

const parse = ({ value }: SourceRecord): FeedbackEvent => {
  const { id, input, label } = JSON.parse(new TextDecoder().decode(value)) as Row & { id: string }
  return { id, source: 's', input, signal: { kind: 'label', label }, weight: 1 }
}

/** What runs `method` on the base, and what a version of it answers. */
const task = classificationOf()

async function under(base: Base, method: MethodPlugin) {
  const reach = base.rows === 'ids' && method === lora ? 1 : 'all'
  const tail_layers = method === full || method === lora ? reach : 0
  const config = { method: nameOf(method), rank: 4, alpha: 8, tail_layers } as const
  const view = viewOf(base, method, config)
  const plan = { base: view, method, config }
  const trunk = await openTrunkEngine(view, cutOf(tail_layers, base.network.layers))
  const sums = method === slda
  const setting: Setting = {
    ...{ base, parse, trunk, adapter: config, every: 32 },
    limits: { latentBytes: 1e9 },
    train: { batch: 16, replay_batch: sums ? 0 : 16, epochs: 1 },
    replay: openPolicy('replay', policies.replay, {
      ...(sums ? { policy: 'none' } : { policy: 'class-balanced', capacity: 300 }),
    }),
    freshParameters: (head) => freshAdapter(planOf({ ...plan, head }), openRandom(1, 'fresh')),
    openTrainable: (start) => open({ ...plan, hyperparameters, ...start }),
  }
  const accuracyOf = async (world: World, version: string, rows: readonly Row[]) => {
    const { manifest, parameters } = world.registry.versions.get(version)!
    const trainable = open({ ...plan, hyperparameters, labels: labelsOf(manifest), parameters })
    const encoded = rows.map(({ input }) => base.encode(input, 64))
    const logits = trainable.score(await trunk.encode(encoded))
    trainable.dispose()
    const right = rows.filter(
      ({ label }, at) => task.decode(logits[at]!, ofRow(manifest.facts)).label === label,
    )
    return right.length / rows.length
  }
  return { setting, accuracyOf }
}

const text = { open: openUseLite, row: sentence }
const table = { open: () => openFeatures({ size: 4, hidden: [8] }), row: numbers }

describe('the first version of another method that answers', () => {
  test.each<[string, typeof text | typeof table, MethodPlugin, MethodPlugin]>([
    ['lora → head', text, lora, head],
    ['head → lora', text, head, lora],
    ['lora → slda', text, lora, slda],
    ['head → full, on numbers', table, head, full],
  ])('is no worse than the last of the old: %s', async (_, kind, one, other) => {
    const base = await kind.open()
    const rows = Array.from({ length: 192 }, kind.row)
    const asked = Array.from({ length: 400 }, kind.row)
    const events = rows.map((row, at) => JSON.stringify({ id: `e-${at}`, ...row }))
    const world = openWorld({ s: events })
    const old = await under(base, one)
    await runToEnd(world, old.setting)
    const before = await old.accuracyOf(world, world.registry.moves.at(-1)!.live.version, asked)
    const known = world.registry.versions.size
    const present = await under(base, other)
    await runToEnd(world, present.setting)
    const {
      live: { version },
      reason,
    } = world.registry.moves.at(-1)!
    expect(world.registry.versions.size, 'no untrained version').toBe(known + 1)
    expect(reason).toContain('held-out examples')
    const after = await present.accuracyOf(world, version, asked)
    expect(after, `${before} before; ${reason}`).toBeGreaterThanOrEqual(before - 0.03)
  })
})

describe('a fresh adapter that is worse', () => {
  test('is published and held, and the old version goes on answering: full → head, on numbers', async () => {
    const base = table.open()
    // No line parts these labels: only an adapter that trains the hidden layer learns them.
    const rows = Array.from({ length: 1500 }, (): Row => {
      const features = [0, 1, 2, 3].map(() => random.normal())
      return {
        input: { kind: 'features', features },
        label: features[0]! * features[1]! > 0 ? 'yes' : 'no',
      }
    })
    const world = openWorld({ s: rows.map((row, at) => JSON.stringify({ id: `e-${at}`, ...row })) })
    const old = await under(base, full)
    await runToEnd(world, old.setting)
    const moves = world.registry.moves.length
    const known = [...world.registry.versions.keys()]
    const present = await under(base, head)
    await runToEnd(world, present.setting)
    expect(world.registry.moves).toHaveLength(moves)
    const [version] = [...world.registry.versions.keys()].filter((name) => !known.includes(name))
    expect(world.registry.versions.get(version!)!.manifest).toMatchObject({
      decision: 'hold',
      reason: expect.stringContaining('held until it is no worse') as string,
    })
  })

  const scores = { count: 100, accuracy: 0.5, accuracy_recent: 0.8, loss: 1 }
  test.each([
    ['too few events have been seen', { accuracy: 0.7, since: 60 }, true],
    ['it is worse than the adapter before', { accuracy: 0.9, since: 0 }, true],
    ['it is no worse, on enough events', { accuracy: 0.8, since: 50 }, false],
  ])('its next versions while %s', (_, bar, isHeld) => {
    expect(heldBy(bar, scores, 'accuracy') !== undefined).toBe(isHeld)
  })

  test('one standard error on what was held out counts as no worse', () => {
    expect(isWorse(0.87, 100, 0.9)).toBe(false)
    expect(isWorse(0.86, 100, 0.9)).toBe(true)
  })
})

describe('a fresh adapter in the checkpoint', () => {
  const tiny: Setting = { every: 4, capacity: 60 }
  const ranked = (rank: number): Setting => ({
    ...tiny,
    adapter: { method: 'head', rank, alpha: 1, tail_layers: 0 },
  })

  test('is the same after crashes anywhere', async () => {
    for (const seed of [1, 2, 3]) {
      const lives = async (run: (world: World, setting: Setting) => Promise<unknown>) => {
        const world = openWorld({ s: lessons(80) })
        await run(world, ranked(1))
        world.streams.get('s')!.push(...lessons(6, 80))
        await run(world, ranked(2))
        return finalState(world)
      }
      const calm = await lives(runToEnd)
      const limit = { crashes: 20, effects: 20 }
      const stormy = await lives((world, setting) => runWithCrashes(world, setting, seed, limit))
      expect(stormy, `seed ${seed}`).toEqual(calm)
    }
  })

  test('learns what the buffer has and goes live by one move, which says so', async () => {
    const world = openWorld({ s: lessons(80) })
    await runToEnd(world, ranked(1))
    const moves = world.registry.moves.length
    await runToEnd(world, ranked(2))
    expect(world.registry.moves.slice(moves)).toMatchObject([
      {
        by: 'trainer',
        reason: expect.stringContaining('1.000 on 11 held-out examples, 0.975 before') as string,
      },
    ])
    const { manifest } = world.registry.versions.get(world.registry.moves.at(-1)!.live.version)!
    expect(manifest).toMatchObject({ parent: null, events: 49, span: {} })
    // Once: the checkpoint is of this adapter now.
    await runToEnd(world, ranked(2))
    expect(world.registry.moves).toHaveLength(moves + 1)
  })

  test('with an empty buffer begins as a new model does', async () => {
    const world = openWorld({ s: [] })
    await runToEnd(world, ranked(1))
    await runToEnd(world, ranked(2))
    expect(world.registry.moves).toHaveLength(1)
  })
})
