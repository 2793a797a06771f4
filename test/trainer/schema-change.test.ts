/** A feature is added to the schema while examples wait, are kept, and have made versions: over restarts and crashes. */
import { describe, expect, test } from 'vitest'
import { freshAdapter, goingOn } from '../../src/adapters/adapter.ts'
import { full } from '../../src/adapters/full.ts'
import { lora } from '../../src/adapters/lora.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import type { FeatureSchema } from '../../src/bases/features/schema.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { finalState } from './final-state.ts'
import { hyperparameters, open, planOf } from './rig.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'
import { nameOf } from '../adapters/name-of.ts'

const schema: FeatureSchema = { age: 'number', town: { type: 'category', columns: 4 } }
const wider: FeatureSchema = { height: 'number', ...schema, member: 'boolean' }

async function under(declared: FeatureSchema, method: MethodPlugin = full): Promise<Setting> {
  const base = openFeatures({ schema: declared, hidden: [4], window: 5 })
  const config = { method: nameOf(method), rank: 1, alpha: 1, tail_layers: 'all' } as const
  const plan = { base, method, config }
  return {
    base,
    parse,
    adapter: config,
    trunk: await openTrunkEngine(base, 0),
    goesOn: (before) => goingOn({ base, method, config }, before),
    freshParameters: (head) => freshAdapter(planOf({ ...plan, head }), openRandom(1, 'fresh')),
    openTrainable: (start) => open({ ...plan, hyperparameters, ...start }),
  }
}

function parse({ value }: SourceRecord): FeedbackEvent {
  const { id, features, label } = JSON.parse(new TextDecoder().decode(value)) as Readonly<
    Record<string, string>
  >
  const input = { kind: 'features', features: features as never } as const
  return { id: id!, source: 's', input, signal: { kind: 'label', label: label! }, weight: 1 }
}

const events = (count: number, from = 0, more: object = {}) =>
  Array.from({ length: count }, (_, step) => {
    const at = from + step
    const features = { age: 20 + ((7 * at) % 30), town: at % 3 ? 'Oslo' : 'Rome', ...more }
    return JSON.stringify({ id: `e-${at}`, features, label: at % 2 ? 'yes' : 'no' })
  })

const newest = (world: World) => [...world.registry.versions.values()].at(-1)!

describe('a feature that is added to the schema', () => {
  test('makes a version at once; what waits and what is kept goes on, and the stream too', async () => {
    const world = openWorld({ s: events(14) })
    await runToEnd(world, await under(schema))
    const before = newest(world)
    await runToEnd(world, await under(wider))
    const {
      live: { version },
      reason,
    } = world.registry.moves.at(-1)!
    expect([version, reason]).toEqual(['v4', 'features added: height, member'])
    const { manifest, parameters } = newest(world)
    expect(manifest).toMatchObject({ parent: 'v3', events: 12, span: {} })
    expect(manifest.base).toMatchObject(openIdentity(wider))
    expect(parameters.get('head.bias')).toEqual(before.parameters.get('head.bias'))
    expect(finalState(world)).toMatchObject({ pending: ['s\0e-12', 's\0e-13'] })
    world.streams.get('s')!.push(...events(6, 14, { height: 180, member: true }))
    const status = await runToEnd(world, await under(wider))
    expect(status).toMatchObject({ droppedSteps: 0, counts: { accepted: 20, rejected: 0 } })
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v6' } })
  })

  test('with crashes everywhere gives the same as without', async () => {
    for (const seed of [1, 2, 3]) {
      const lives = async (run: (world: World, setting: Setting) => Promise<unknown>) => {
        const world = openWorld({ s: events(14) })
        await run(world, await under(schema))
        world.streams.get('s')!.push(...events(9, 14, { height: 3 }))
        await run(world, await under(wider))
        return finalState(world)
      }
      const calm = await lives(runToEnd)
      const stormy = await lives((world, setting) =>
        runWithCrashes(world, setting, seed, { crashes: 20, effects: 20 }),
      )
      expect(stormy, `seed ${seed}`).toEqual(calm)
    }
  })

  test('and taken away again leaves a model that learns', async () => {
    const world = openWorld({ s: events(10, 0, { height: 2 }) })
    await runToEnd(world, await under(wider))
    world.streams.get('s')!.push(...events(6, 10))
    const status = await runToEnd(world, await under(schema))
    expect(status.counts).toMatchObject({ accepted: 16, rejected: 0 })
    expect(world.registry.moves.map(({ reason }) => reason)).toContain(
      'features removed: height, member',
    )
  })

  test('takes along what a rollback has set aside', async () => {
    const world = openWorld({ s: events(14) })
    const ask = async (by: 'rollback' | 'relearn', version: string) => {
      const expect = world.registry.moves.length
      await world.registry.point({ version, expect, reason: 'a person', by })
    }
    await runToEnd(world, await under(schema))
    await ask('rollback', 'v1')
    const before = await runToEnd(world, await under(schema))
    expect(before.counts.set_aside).toBeGreaterThan(5)
    const moved = await runToEnd(world, await under(wider))
    expect(moved.counts).toMatchObject({
      set_aside: before.counts.set_aside,
    })
    await ask('relearn', world.registry.moves.at(-1)!.live.version)
    const { counts, droppedSteps } = await runToEnd(world, await under(wider))
    expect([counts.set_aside, counts.rejected, droppedSteps]).toEqual([0, 0, 0])
  })

  test('begins a fresh adapter where the old one cannot go on, taught by what is kept', async () => {
    const world = openWorld({ s: events(14) })
    await runToEnd(world, await under(schema, lora))
    world.streams.get('s')!.push(...events(6, 14))
    await runToEnd(world, await under(wider, lora))
    const reasons = world.registry.moves.map(({ reason }) => reason)
    expect(reasons.join()).toContain('features added: height, member; a fresh adapter starts; ')
    expect(reasons.join()).toContain('examples of replay')
    expect(finalState(world)?.remembered.length).toBeGreaterThan(5)
  })

  test('on a base without a definition, as one of texts is, is refused with a code', async () => {
    const world = openWorld({ s: events(8) })
    const { settings: _, ...indefinite } = openFeatures({ schema, hidden: [4], window: 5 })
    await runToEnd(world, { ...(await under(schema)), base: { ...indefinite, hash: 'texts' } })
    const status = await runToEnd(world, await under(wider))
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_FOREIGN' })
  })

  test('on layers of another shape is refused, as before', async () => {
    const world = openWorld({ s: events(8) })
    await runToEnd(world, await under(schema))
    const base = openFeatures({ schema: wider, hidden: [7], window: 5 })
    const other = { ...(await under(wider)), base, goesOn: () => undefined }
    const status = await runToEnd(world, other)
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_FOREIGN' })
    expect(status.message).toMatch(/has base [\da-f]{64}, .*hidden: \[4\].*config .*hidden: \[7\]/)
  })
})

function openIdentity(declared: FeatureSchema) {
  const { name, hash, settings } = openFeatures({ schema: declared, hidden: [4], window: 5 })
  return { name, hash, settings }
}
