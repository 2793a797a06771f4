/** Shards of a closed form, and the merger, that die again and again: in the end the sums are those of one trainer. */
import { expect, it } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Head } from '../../src/contracts/example.ts'
import { shardParser } from '../../src/intake/shard-events.ts'
import { openRandom } from '../../src/platform/random.ts'
import { Mutex } from '../../src/platform/store/lock.ts'
import { openMerger } from '../../src/trainer/shards/merger.ts'
import type { Manifest, Registry } from '../../src/versions/contract.ts'
import { openVersions, type NextMove } from '../../src/versions/service.ts'
import { open as openOn, planOf } from '../trainer/rig.ts'
import { memoryRegistry } from '../trainer/memory-registry.ts'
import {
  Crash,
  openInstantClock,
  openWorld,
  parse,
  partsIn,
  runToEnd,
  shakyRegistry,
  type Chaos,
  type Setting,
  type World,
} from '../trainer/world.ts'

const values = openFeatures({ size: 8, standardise: false })
const base = { ...values, network: { ...values.network, unit: true } }
const config = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0, features: 16 }
const planFor = (head: Head) => planOf({ method: ranpac, config, base, head })
const labels = { open: true, known: [], limit: 100 }

function settingOf(publishesSums: boolean): Setting {
  return {
    labels,
    isShard: publishesSums,
    every: 1,
    adapter: config,
    train: { batch: 3, replay_batch: 0, epochs: 1 },
    freshParameters: (head) => freshAdapter(planFor(head), openRandom(1, 'fresh')),
    openTrainable: ({ head, parameters }) =>
      openOn({ ...planFor(head), parameters, publishesSums }),
  }
}

interface Sharded {
  readonly registry: ReturnType<typeof memoryRegistry>
  readonly shards: readonly World[]
  runShard(at: number, chaos?: Chaos): Promise<void>
  merge(chaos?: Chaos): Promise<void>
}

function openSharded(lines: readonly string[], of: number): Sharded {
  const registry = memoryRegistry()
  const shards = Array.from({ length: of }, () => openWorld({ topic: lines }))
  const named = shards.map((world, at) => ({
    model: `tiny.shard-${at}-of-${of}`,
    registry: world.registry,
  }))
  return {
    registry,
    shards,
    async runShard(at, chaos = () => {}) {
      const own = shardParser(parse, { model: 'tiny', at, of })
      await runToEnd(shards[at]!, { ...settingOf(true), parse: own, chaos })
    },
    async merge(chaos = () => {}) {
      const stop = new AbortController()
      const shaky = (each: Registry) => shakyRegistry(each, chaos)
      const { task, adapter, log } = partsIn(shards[0]!, settingOf(false), () => {})
      // It rests where it has nothing to merge, or waits for a shard that has not begun.
      const restless = {
        ...openInstantClock(),
        async sleep() {
          stop.abort(new Error('merged'))
          return Promise.resolve()
        },
      }
      const merger = openMerger({
        ...{ model: 'tiny', clock: restless, log, task, adapter, base },
        registry: shaky(registry),
        shards: named.map(({ model, registry: own }) => ({ model, registry: shaky(own) })),
        ...{ trainingMutex: new Mutex(), keep: { last: 50 }, idleMs: 10 },
        reports: { onStatus: () => {}, onPointer: () => {} },
      })
      await merger.run(stop.signal)
    },
  }
}

/** Lessons, newer ones, repetitions and retractions; some about predictions, in turn by other ids. */
function linesOf(seed: number, count: number): readonly string[] {
  const { below } = openRandom(seed, 'events of shards')
  const letters = () => String.fromCharCode(...Array.from({ length: 6 }, () => 97 + below(26)))
  return Array.from({ length: count }, (_, at) => {
    const id = `e-${below(count)}`
    const label = `intent ${below(5)}`
    const kind = below(10)
    if (kind === 0) return 'not json'
    if (kind === 1) return JSON.stringify({ id, source: 'desk', retract: true })
    if (kind < 4) {
      const about = `p-${below(8)}`
      return JSON.stringify({
        id: `f-${at}`,
        source: 'desk',
        prediction_id: about,
        text: letters(),
        label,
      })
    }
    return JSON.stringify({ id, source: 'desk', text: letters(), label })
  })
}

/** The head at the scale of a merged version, column by column, and the digest of the sums. */
function sumsOf({ store }: World, scale: number) {
  const { weights } = new Checkpoint(store, { snapshots: 50 }).load()!
  const trainable = openOn(planFor(weights.head))
  const temperature = { shape: [2], data: Float32Array.of(Math.log(scale), 0) }
  trainable.restore({
    ...weights,
    tensors: new Map([...weights.tensors, ['temperature', temperature]]),
  })
  trainable.forget!([])
  return {
    digest: trainable.sums!()!.digest,
    columns: columnsOf(trainable.head as readonly string[], trainable.parameters()),
  }
}

function columnsOf(names: readonly string[], parameters: Tensors) {
  const weight = parameters.get('head.weight')!.data
  const bias = parameters.get('head.bias')!.data
  return names
    .map((name, column) => {
      const own = weight.filter((_, at) => at % names.length === column)
      return `${name} ${[...own, bias[column]!].join()}`
    })
    .toSorted()
}

async function newest(registry: Registry): Promise<Manifest> {
  return (await registry.load((await registry.live())!.live.version)).manifest
}

it.each([1, 2, 4, 8])(
  'the sums of %i shards are those of one trainer, though each of them and the merger dies 20 times',
  async (of) => {
    const lines = linesOf(of, 60)
    const single = openWorld({ topic: lines })
    await runToEnd(single, settingOf(false))
    const { registry, shards, runShard, merge } = openSharded(lines, of)
    const random = openRandom(of, 'deaths')
    const deaths = Array.from({ length: of + 1 }, () => 0)
    while (deaths.some((count) => count < 20)) {
      const actor = deaths.indexOf(Math.min(...deaths))
      const left = random.below(actor === of ? 8 : 30)
      try {
        await (actor === of ? merge(deathAfter(left)) : runShard(actor, deathAfter(left)))
        // It has reached the end, and dies before it does anything further.
        deaths[actor]! += 1
      } catch (error) {
        if (!(error instanceof Crash)) throw error
        deaths[actor]! += 1
      }
    }
    for (let at = 0; at < of; at += 1) await runShard(at)
    await merge()
    const { sums, shards: parts, events } = await newest(registry)
    const wanted = sumsOf(single, sums!.scale)
    expect(sums!.digest).toBe(wanted.digest)
    const { parameters, manifest } = await registry.load((await registry.live())!.live.version)
    expect(columnsOf(manifest.facts.labels as readonly string[], parameters)).toEqual(
      wanted.columns,
    )
    expect(sums!.examples).toBeGreaterThan(10)
    expect(events).toBeGreaterThan(10)
    expect(parts).toHaveLength(of)
    for (const { span } of parts!) expect(span.topic?.['0']?.[0]).toBe('')
    const letters = shards.flatMap((world) => [...world.letters.values()])
    expect(letters.filter(({ code }) => code === 'EVENT_MALFORMED')).toHaveLength(
      lines.filter((line) => line === 'not json').length,
    )
  },
)

function deathAfter(effects: number): Chaos {
  let left = effects
  return (effect) => {
    left -= 1
    if (left < 0) throw new Crash(effect)
  }
}

it('a rollback and the command that undoes it reach all shards, though the merger dies on the way, and each of them once', async () => {
  const lines = linesOf(3, 40)
  const { registry, shards, runShard, merge } = openSharded(lines.slice(0, 20), 3)
  const single = openWorld({ topic: lines.slice(0, 20) })
  const all = [...shards, single]
  const run = async () => {
    await runToEnd(single, settingOf(false))
    for (const at of shards.keys()) await runShard(at)
    await merge()
  }
  const sums = async () => (await newest(registry)).sums!
  await run()
  const [then, thenAlone] = [await newest(registry), await newest(single.registry)]
  for (const world of all) world.streams.get('topic')!.push(...lines.slice(20))
  await run()
  const { scale, digest: later } = await sums()
  expect(later).toBe(sumsOf(single, scale).digest)
  const move = async (next: Partial<NextMove> & Pick<NextMove, 'by'>) => {
    for (const [line, { version }] of [
      [registry, then],
      [single.registry, thenAlone],
    ] as const)
      await openVersions(line).move({
        ...(next.by === 'rollback' && { version }),
        ...{ reason: 'bad labels', ...next },
      })
    for (let effects = 0; effects < 8; effects += 1)
      await merge(deathAfter(effects)).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error
      })
    await run()
    const moves = shards.map((world) => world.registry.moves.filter(({ by }) => by === next.by))
    expect(moves.map((own) => own.length)).toEqual([1, 1, 1])
  }
  await move({ by: 'rollback' })
  expect((await sums()).digest).toBe(then.sums!.digest)
  expect((await sums()).digest).not.toBe(later)
  await move({ by: 'relearn', asks: { selection: {} } })
  expect((await sums()).digest).toBe(sumsOf(single, scale).digest)
  expect((await sums()).digest).not.toBe(then.sums!.digest)
})

it('an event that is forgotten leaves the sums of its shard, and every version that had learned it', async () => {
  const lines = Array.from({ length: 12 }, (_, at) =>
    JSON.stringify({
      id: `e-${at}`,
      source: 'desk',
      text: `${at} words`,
      label: `intent ${at % 3}`,
    }),
  )
  const { registry, shards, runShard, merge } = openSharded(lines, 3)
  const never = openWorld({ topic: lines.filter((line) => !line.includes('e-5"')) })
  const run = async () => {
    for (const at of shards.keys()) await runShard(at)
    await merge()
  }
  await run()
  const before = await newest(registry)
  const asks = { forget: { request: 'f-1', source: 'desk', id: 'e-5' } }
  await openVersions(registry).move({ by: 'forget', reason: 'she asked', asks })
  await merge()
  await run()
  await runToEnd(never, settingOf(false))
  const { sums } = await newest(registry)
  expect(sums!.digest).toBe(sumsOf(never, sums!.scale).digest)
  expect(sums!.examples).toBe(11)
  expect([...registry.versions.keys()]).not.toContain(before.version)
})
