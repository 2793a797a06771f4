/** Sums in whole numbers: equal to the bit whatever the order, the blocks, the restarts, and what was taken out again. */
import { describe, expect, it } from 'vitest'
import { INPUT_UNIT } from '../../src/adapters/closed-form/projection.ts'
import { freshAdapter, withSums } from '../../src/adapters/adapter.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { anacp } from '../../src/adapters/closed-form/anacp.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { EventLogTable } from '../../src/checkpoint/event-log/table.ts'
import type { MethodPlugin, Trainable } from '../../src/contracts/adapter.ts'
import type { ExampleKey, Logger, Random, Tensors } from '../../src/contracts/core.ts'
import type { Head } from '../../src/contracts/example.ts'
import type { GoldenRow } from '../../src/evaluation/gate-rows.ts'
import { hashOf } from '../../src/intake/dedupe/dedupe.ts'
import { hashesIn } from '../../src/intake/dedupe/seen-ids.ts'
import { ClassMoments } from '../../src/optim/heads/class-moments.ts'
import { ExactSums, type WholeExample } from '../../src/optim/heads/exact-sums.ts'
import { wholeFeatures } from '../../src/optim/heads/whole-features.ts'
import { WholeTotals } from '../../src/optim/heads/whole-totals.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { Loop } from '../../src/trainer/loop.ts'
import { nameOf } from '../adapters/name-of.ts'
import { tinyKnnMemory } from '../learner/tiny-knn-memory.ts'
import { thrown } from '../coded.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { predictionsOf, settingOf, streamsOf } from '../simulation/scenario.ts'
import { finalState } from '../trainer/final-state.ts'
import {
  bert,
  bytesOf,
  grow,
  labelled,
  not,
  open as openOn,
  planOf,
  type LabelledRow,
} from '../trainer/rig.ts'
import { tinyBase, tinyLatent } from '../trainer/tiny.ts'
import {
  Crash,
  openWorld,
  runToEnd,
  startIn,
  type Chaos,
  type Setting,
  type World,
} from '../trainer/world.ts'

const labels = ['a', 'b', 'c', 'd']

const cases: readonly (readonly [string, MethodPlugin, object])[] = [
  ['ncm', ncm, {}],
  ['slda', slda, { depth: 1 }],
  ['slda on two layers', slda, { depth: 2 }],
  ['ranpac', ranpac, { features: 40 }],
  ['ranpac on two layers', ranpac, { features: 40, depth: 2, projection: 'orthogonal' }],
  ['anacp on two layers', anacp, { features: 40, depth: 2 }],
]

describe.each(cases)('%s', (_, method, settings) => {
  const config = { method: nameOf(method), rank: 0, alpha: 1, tail_layers: 0, ...settings }
  const plan = planOf({ method, config, base: viewOf(bert, method, config), labels })
  const width = plan.base.network.latentWidth(0)
  const open = (names: readonly string[] = labels) =>
    openOn(planOf({ method, config, base: plan.base, labels: names }))
  const drawn = rowsOf(width, 60)

  it('has one digest and one head whatever the order, the blocks and the restarts', () => {
    const first = learned(open(), drawn, 8)
    const second = learned(open(), drawn.toReversed(), 1)
    let third = open()
    for (let from = 0; from < drawn.length; from += 17) {
      const state = third.snapshot()
      third = open()
      third.restore(state)
      learned(third, drawn.slice(from, from + 17), 5)
    }
    const digests = [first, second, third].map((each) => each.sums!()!.digest)
    expect(new Set(digests).size).toBe(1)
    expect(headOf(second)).toEqual(headOf(first))
    expect(headOf(third)).toEqual(headOf(first))
    expect(sumsIn(second)).toEqual(sumsIn(first))
  })

  it('has it whatever order the labels came in', () => {
    const [one, other] = [open([]), open([])]
    for (const label of labels) grow(one, label)
    for (const label of labels.toReversed()) grow(other, label)
    learned(one, drawn, 8)
    learned(other, drawn.toReversed(), 8)
    expect(other.sums!()!.digest).toBe(one.sums!()!.digest)
  })

  it('is as if it had never seen what was taken out, to the bit', () => {
    const some = drawn.filter((_, at) => at % 3 === 0)
    const rest = drawn.filter((_, at) => at % 3 !== 0)
    const trainable = learned(open(), drawn, 8)
    trainable.forget!(some)
    const never = learned(open(), rest, 8)
    expect(sumsIn(trainable)).toEqual(sumsIn(never))
    expect(headOf(trainable)).toEqual(headOf(never))
    trainable.forget!(rest)
    expect(sumsIn(trainable)).toEqual(sumsIn(open()))
  })

  it('solves for no head until one is asked for, however often something is taken out', () => {
    let solved = 0
    const counted: MethodPlugin = {
      ...method,
      open: (...parts) => {
        const opened = method.open(...parts)
        const closedForm = opened.closedForm!
        const solve: typeof closedForm.solve = (...parts) => {
          solved += 1
          return closedForm.solve(...parts)
        }
        return { ...opened, closedForm: { ...closedForm, solve } }
      },
    }
    const trainable = learned(openOn({ ...plan, method: counted }), drawn, 8)
    trainable.parameters()
    const before = solved
    for (const row of drawn.slice(0, 20)) trainable.forget!([row])
    expect(solved).toBe(before)
    trainable.parameters()
    expect(solved).toBe(before + 1)
    expect(headOf(trainable)).toEqual(headOf(learned(open(), drawn.slice(20), 8)))
  })

  it('merged from versions of shards is that of one trainer, and a version restores its sums', () => {
    const all = learned(open(), drawn, 8)
    const versionOf = (rows: readonly LabelledRow[], names: readonly string[]) => {
      const own = openOn({
        ...planOf({ method, config, base: plan.base, labels: names }),
        publishesSums: true,
      })
      const { head, parameters, sums } = learned(own, rows, 8)
      return { head, parameters: parameters.call(own), identity: sums!.call(own)!.identity }
    }
    const shards = [0, 1, 2].map((shard) =>
      versionOf(
        drawn.filter((_, at) => at % 3 === shard),
        shard === 1 ? labels.toReversed() : labels,
      ),
    )
    const merged = open([])
    merged.merge!(shards)
    expect(merged.sums!()!.digest).toBe(all.sums!()!.digest)
    expect(headOf(merged)).toEqual(headOf(all))
    const back = openOn({ ...plan, head: shards[1]!.head, parameters: shards[1]!.parameters })
    expect(withSums(back.parameters(), back.snapshot().tensors).get('sums/exact/counts')).toEqual(
      shards[1]!.parameters.get('sums/exact/counts'),
    )
    const foreign = { ...shards[0]!, identity: 'other' }
    expect(thrown(() => open().merge!([foreign])).code).toBe('SUMS_FOREIGN')
  })

  it('goes on from the sums of an earlier release, without a digest', () => {
    const trainable = learned(open(), drawn, 8)
    const { head, steps, tensors } = trainable.snapshot()
    const { closedForm } = method.open(config)
    const earlier = new ClassMoments(plan.base.network.width, labels.length, closedForm!)
    const projected = openOn(plan)
    earlier.addAll(
      drawn.map(({ latent, target, weight }) => ({
        x: Float32Array.from(floats(latent.data)),
        shares: new Map([[labels.indexOf(target.label), weight]]),
      })),
    )
    const others = [...tensors].filter(([name]) => !name.startsWith('exact/'))
    projected.restore({ head, steps, tensors: new Map([...others, ...earlier.snapshot()]) })
    expect(projected.sums!()!.digest).toBeUndefined()
    learned(projected, drawn.slice(0, 1), 1)
    learned(trainable, drawn.slice(0, 1), 1)
    const [now, then] = [projected.parameters(), trainable.parameters()]
    const close = [...then.get('head.weight')!.data].map((value, at) =>
      Math.abs(value - now.get('head.weight')!.data[at]!),
    )
    const most = Math.max(...then.get('head.weight')!.data.map(Math.abs))
    expect(Math.max(...close)).toBeLessThan(0.05 * most)
    const again = openOn(plan)
    again.restore(projected.snapshot())
    expect(bytesOf(again.snapshot().tensors)).toEqual(bytesOf(projected.snapshot().tensors))
    expect(again.sums!()!.digest).toBeUndefined()
  })

  /** As the release of before kept them. */
  function floats(x: Float32Array): ArrayLike<number> {
    const { projection } = plan.base.network
    if (projection === undefined) return x
    const weight = plan.base.weights.get('ranpac.projection')!.data
    const features = plan.base.network.width
    return Array.from({ length: features }, (_, column) =>
      Math.max(
        0,
        x.reduce((sum, value, row) => sum + value * weight[row * features + column]!, 0),
      ),
    )
  }
})

const values = openFeatures({ size: 8, standardise: false })
// Longer than it says: they are shortened, and the sums are exact.
const base = { ...values, network: { ...values.network, unit: true } }
const ranpacConfig = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0, features: 16 }
const planFor = (head: Head) => planOf({ method: ranpac, config: ranpacConfig, base, head })
/** As a closed form is trained. */
const closed: Setting = {
  train: { batch: 3, replay_batch: 0, epochs: 1 },
  freshParameters: (head: Head) => freshAdapter(planFor(head), openRandom(1, 'fresh')),
  openTrainable: ({ head }: { readonly head: Head }) => openOn(planFor(head)),
}

describe('in a trainer', () => {
  const setting = (seed: number): Setting => ({ ...settingOf(seed), ...closed })
  const worldOf = (seed: number, isMeant = (_line: string) => true) => {
    const streams = Object.entries(streamsOf(seed))
    const world = openWorld(
      Object.fromEntries(streams.map(([name, lines]) => [name, lines.filter(isMeant)])),
    )
    for (const prediction of predictionsOf(seed)) world.predictions.set(prediction.id, prediction)
    return world
  }

  it('ends after crashes at any instant where it ends without one (law 2)', async () => {
    expect(openOn(planFor(labels)).summed).toEqual({ examples: 0, outputs: 0 })
    let crashes = 0
    for (const seed of [1, 2]) {
      const reference = worldOf(seed)
      await runToEnd(reference, setting(seed))
      const world = worldOf(seed)
      crashes += await runWithCrashes(world, setting(seed), seed)
      expect(finalState(world)).toEqual(finalState(reference))
    }
    expect(crashes).toBeGreaterThan(1)
  })

  it.each([2, 3, 4, 6, 7, 8])(
    'has the sums of what the event log has learned, whatever was replaced or taken back (seed %i)',
    async (seed) => {
      const world = worldOf(seed, (line) => !line.includes('"rating":-1'))
      const retractions = Array.from({ length: 20 }, (_, at) =>
        JSON.stringify({ id: `e-${3 * at}`, source: 'desk', retract: true }),
      )
      world.streams.get('first')!.push(...retractions)
      const warned: string[] = []
      await runToEnd(world, { ...setting(seed), capacity: 2, log: warningsIn(warned) })
      expect(warned.some((text) => text.includes('clipped'))).toBe(true)
      const saved = new Checkpoint(world.store, { snapshots: 50 }).load()!
      const state = saved.weights
      const log = logOf(world)
      const trainable = openOn(planFor(state.head))
      for (const example of log.examplesOf(log.summedSince(saved.progress.parent!))) {
        const { encoded, target, weight } = example
        trainable.step([{ latent: tinyLatent(encoded), target, weight }])
      }
      const present = openOn(planFor(state.head))
      present.restore(state)
      expect(trainable.summed).toEqual(present.summed)
      expect(trainable.sums!()!.digest).toBe(present.sums!()!.digest)
      expect(present.summed!.examples).toBeGreaterThan(0)
    },
  )
})

describe('a request to forget', () => {
  /** Events of two people and two more sources, in an order of their own for each seed. */
  const linesOf = (seed: number) => {
    const random = openRandom(seed, 'forgotten')
    const words = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']
    const word = () => words[random.below(words.length)]!
    return Array.from({ length: 40 }, (_, at) => {
      const source = ['bad', 'good', 'desk', 'elsewhere'][random.below(4)]!
      // An id that comes twice is superseded.
      const id = `${source}-${at % 9 === 8 ? at - 4 : at}`
      const label = random.below(2) === 0 ? 'no' : 'yes'
      return JSON.stringify({ id, source, text: `${word()} ${word()} ${word()}`, label })
    })
  }
  const isBad = (line: string) => line.includes('"source":"bad"')
  const setting = (seed: number): Setting => ({
    ...closed,
    every: 4 + (seed % 3),
    capacity: 6 + seed,
    limits: { heldOut: { share: 0.2, rows: 30, bytes: 1e6 } },
    ...(seed === 2 && { knnMemory: tinyKnnMemory({ capacity: 9, every: 20 }) }),
  })
  const forget = async ({ registry }: World, asked: object) => {
    const { moves } = registry
    registry.sinceMs = 1000
    await registry.point({
      ...{ version: moves.at(-1)!.live.version, expect: moves.length },
      ...{ reason: 'asked by a person', by: 'forget' },
      asks: { forget: { request: `f-${moves.length}`, ...asked } },
    })
  }
  const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 50 }).load()!
  const sumsOf = (world: World) => {
    const { weights } = savedIn(world)
    const present = openOn(planFor(weights.head))
    present.restore(weights)
    return present
  }
  /** With what waits for its update: two runs make theirs after other events. */
  const allIn = (world: World) => {
    const present = sumsOf(world)
    for (const { encoded, target, weight } of savedIn(world).pending)
      present.step([{ latent: tinyLatent(encoded), target, weight }])
    return present.sums!()!
  }
  const ran = async (lines: readonly string[], seed: number) => {
    const world = openWorld({ s: lines })
    await runToEnd(world, setting(seed))
    return world
  }

  it.each([1, 2, 3, 4])(
    'is a subtraction: the digest is that of a run that never saw its events (seed %i)',
    async (seed) => {
      const lines = linesOf(seed)
      const world = await ran(lines, seed)
      const before = sumsOf(world).sums!()!
      const versions = [...world.registry.versions.keys()]
      await forget(world, { source: 'bad' })
      await runToEnd(world, setting(seed))
      const task = savedIn(world).forgetting!.tasks.at(-1)!
      expect(task).toMatchObject({ stage: 'done', again: 0, isErased: true, retiring: [] })
      const after = sumsOf(world).sums!()!
      expect(task.subtracted).toBe(before.examples - after.examples)
      expect(task.subtracted).toBeGreaterThan(3)
      const never = await ran(
        lines.filter((line) => !isBad(line)),
        seed,
      )
      expect(allIn(world).digest).toBe(allIn(never).digest)
      expect(after.digest).not.toBe(before.digest)
      const { remembered, memorised = [], heldOut = [], pending } = savedIn(world)
      const held = [...remembered, ...memorised, ...heldOut, ...pending]
      expect(held.filter(({ key }) => key.startsWith('bad'))).toEqual([])
      expect(remembered.length).toBeGreaterThan(0)
      expect(heldOut.map(({ key }) => key)).toEqual(savedIn(never).heldOut!.map(({ key }) => key))
      const live = world.registry.moves.at(-1)!.live.version
      expect(world.registry.versions.get(live)!.manifest.sums!.digest).toBe(after.digest)
      expect(versions).not.toContain(live)
      // The next requests find their events in the sums too.
      for (const source of ['good', 'desk']) await forget(world, { source })
      await runToEnd(world, setting(seed))
      const rest = await ran(
        lines.filter((line) => line.includes('"elsewhere"')),
        seed,
      )
      expect(savedIn(world).forgetting!.tasks.map(({ again }) => again)).toEqual([0, 0, 0])
      expect(allIn(world).digest).toBe(allIn(rest).digest)
    },
  )

  it('ends where it ends without a crash, whichever effect a crash comes at (law 2)', async () => {
    const end = async (chaos: Chaos) => {
      const world = await ran(linesOf(3).slice(0, 12), 3)
      await forget(world, { source: 'bad' })
      await runToEnd(world, { ...setting(3), chaos }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error
      })
      await runToEnd(world, setting(3))
      return finalState(world)
    }
    let effects = 0
    const reference = await end(() => (effects += 1))
    expect(effects).toBeGreaterThan(5)
    for (let at = 0; at < effects; at += 1) {
      let left = at
      const state = await end(() => {
        if (left-- === 0) throw new Crash()
      })
      expect(state!.weights, `a crash at effect ${at}`).toBe(reference!.weights)
      expect(state!.versions).toEqual(reference!.versions)
      expect(state!.log).toEqual(reference!.log)
    }
  })

  it.each([
    [
      'an example that only rules out an answer',
      { rating: -1, prediction_id: 'p' },
      { known: ['no', 'yes', 'maybe'] },
    ],
    ['a label that only they had used', { label: 'theirs' }, { open: true, known: [] }],
  ])('rebuilds where %s cannot be subtracted', async (_, said, labels) => {
    const own = { ...setting(1), limits: {}, labels: { ...labels, limit: 9 } }
    const one = { id: 'x', source: 'bad', ...('label' in said && { text: 'odd' }), ...said }
    const good = linesOf(1).filter((line) => !isBad(line))
    const world = openWorld({ s: [...good.slice(0, 8), JSON.stringify(one), ...good.slice(8)] })
    const served = { version: 'v0', answer: 'yes', timeMs: 0 }
    world.predictions.set('p', { id: 'p', ...served, input: { kind: 'text', text: 'odd' } })
    await runToEnd(world, own)
    await forget(world, { source: 'bad' })
    await runToEnd(world, own)
    const task = savedIn(world).forgetting!.tasks.at(-1)!
    expect(task.subtracted).toBeUndefined()
    expect(task.again).toBeGreaterThan(5)
    expect(JSON.stringify(savedIn(world).weights.head)).not.toContain('theirs')
    const never = openWorld({ s: good })
    await runToEnd(never, own)
    expect(finalState(world)!.weights).toBe(finalState(never)!.weights)
  })
})

describe('what a source is worth', () => {
  const words = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']
  const bad = new Set(['bad', 'awful', 'odd', 'grey'])
  const drawn = (random: ReturnType<typeof openRandom>) => {
    const text = words[random.below(words.length)]!
    return { text, isBad: bad.has(text) }
  }
  /** Five sources say what a text is; `careless` says the opposite of three in ten. */
  const linesOf = (seed: number, count: number) => {
    const random = openRandom(seed, 'worth')
    return Array.from({ length: count }, (_, at) => {
      const source = ['careless', 'one', 'two', 'three', 'four'][at % 5]!
      const { text, isBad } = drawn(random)
      const isFlipped = source === 'careless' && Math.floor(at / 5) % 10 < 3
      const label = isBad === isFlipped ? 'yes' : 'no'
      return JSON.stringify({ id: `${source}-${at}`, source, text, label })
    })
  }
  const golden = Array.from({ length: 100 }, (_, line): GoldenRow => {
    const { text, isBad } = drawn(openRandom(line, 'golden'))
    const encoded = tinyBase.encode({ kind: 'text', text }, 64)
    const target = { kind: 'label', label: isBad ? 'no' : 'yes' } as const
    const [source, id] = ['golden', String(line)]
    const key = `golden ${line}` as ExampleKey
    return { file: 'golden', line, example: { key, source, id, encoded, target, weight: 1 } }
  })
  const setting: Setting = {
    ...closed,
    every: 10,
    limits: { heldOut: { share: 0.3, rows: 100, bytes: 1e6 } },
  }
  const ran = async (lines: readonly string[], own: Setting = setting) => {
    const world = openWorld({ s: lines })
    await runToEnd(world, own)
    return world
  }
  const asking = async <Found>(
    world: World,
    ask: (loop: Loop) => Promise<Found>,
    own: Setting = setting,
  ) => {
    const running = startIn(world, own)
    await running.readAll()
    try {
      return await ask(running.loop)
    } finally {
      await running.stop()
    }
  }
  const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 50 }).load()!
  const sumsIn = (world: World) =>
    [...world.registry.versions.values()].at(-1)!.manifest.sums!.digest!

  it('is what a run without it would answer, by sums that are equal to the bit', async () => {
    const lines = linesOf(1, 60)
    const world = await ran(lines)
    const waits = new Set(savedIn(world).pending.map(({ id }) => id))
    const taught = lines.filter((line) => !waits.has((JSON.parse(line) as { id: string }).id))
    const report = await asking(world, (loop) => loop.ask('worth', null))
    expect(report).toMatchObject({ from: 'held-out', digest: sumsIn(world) })
    expect(report.sources).toHaveLength(5)
    for (const { source, digest, examples, rows } of report.sources) {
      const mine = (line: string) => line.includes(`"source":"${source}"`)
      const rest = taught.filter((line) => !mine(line))
      const never = await ran(rest, { ...setting, every: 1 })
      expect(digest).toBe(sumsIn(never))
      const { heldOut = [] } = savedIn(never)
      expect(rows).toBe(heldOut.length)
      expect(examples).toBeGreaterThan(3)
    }
  })

  it('puts a source with flipped labels last', async () => {
    const own = { ...setting, every: 100, comparison: { golden } }
    for (const seed of [1, 2, 3]) {
      const world = await ran(linesOf(seed, 200), own)
      const report = await asking(world, (loop) => loop.ask('worth', null), own)
      expect(report).toMatchObject({ from: 'golden', rows: 100 })
      expect(report.sources.at(-1)!.source).toBe('careless')
      expect(report.sources.at(-1)!.agreement).toBeLessThan(0.8)
    }
  })

  it('is computed once, and answers of the model without it come from a few heads', async () => {
    const world = await ran(linesOf(4, 60))
    const version = [...world.registry.versions.keys()].at(-1)!
    const inputs = words.map((text) => ({ kind: 'text', text }) as const)
    const digest = sumsIn(world)
    await asking(world, async (loop) => {
      const report = await loop.ask('worth', null)
      expect(await loop.ask('worth', null)).toEqual(report)
      const asked = { source: 'careless', inputs, version, digest }
      const found = await loop.ask('without', asked)
      expect(await loop.ask('without', asked)).toEqual(found)
      const { digest: left } = report.sources.find(({ source }) => source === 'careless')!
      expect(found.digest).toBe(left)
      expect(found.logits).toHaveLength(words.length)
      const refused = async (more: object, code: string) =>
        expect(loop.ask('without', { ...asked, ...more })).rejects.toMatchObject({ code })
      await refused({ source: 'stranger' }, 'SOURCE_UNKNOWN')
      await refused({ digest: 'f'.repeat(64) }, 'SUMS_MOVED')
    })
  })

  it.each([
    ['an example only rules out an answer', 'SUMS_UNKNOWN', { known: ['no', 'yes', 'maybe'] }],
    ['the event log has lost some', 'SUMS_UNKNOWN', { eventLog: { events: 20, bytes: 1e9 } }],
    ['nothing is held out', 'ROWS_MISSING', { heldOut: { share: 0, rows: 0, bytes: 0 } }],
  ])('is not known where %s', async (_, code, more) => {
    const isDivided = 'known' in more
    const own: Setting = {
      ...setting,
      ...(isDivided
        ? { labels: { ...more, limit: 9 } }
        : { limits: { ...setting.limits, ...more } }),
    }
    const rated = JSON.stringify({ id: 'x', source: 'one', prediction_id: 'p', rating: -1 })
    const world = openWorld({ s: [...(isDivided ? [rated] : []), ...linesOf(5, 60)] })
    const served = { version: 'v0', answer: 'yes', timeMs: 0 }
    world.predictions.set('p', { id: 'p', ...served, input: { kind: 'text', text: 'odd' } })
    await runToEnd(world, own)
    const running = startIn(world, own)
    await running.readAll()
    await expect(running.loop.ask('worth', null)).rejects.toMatchObject({ code })
    await running.stop()
  })
})

function warningsIn(texts: string[]): Logger {
  const ignore = () => undefined
  const warn = (_details: object, text: string) => void texts.push(text)
  const log: Logger = { debug: ignore, info: ignore, warn, error: ignore, child: () => log }
  return log
}

function logOf({ store }: World): EventLog {
  const table = new EventLogTable(store)
  const log = new EventLog({
    limits: { events: Infinity, bytes: Infinity },
    hashOf: (key) => [...hashesIn(hashOf(key))][0]!,
    sizeOf: () => 0,
    isKnown: () => false,
    stored: table,
  })
  log.restore(table.load())
  return log
}

describe('an example that rules out one answer', () => {
  const config = { method: 'ncm', rank: 0, alpha: 1, tail_layers: 0 }
  const plan = planOf({ method: ncm, config, base: viewOf(bert, ncm, config), labels })

  it('is counted as divided, and cannot be taken out', () => {
    const drawn = rowsOf(plan.base.network.latentWidth(0), 12)
    const trainable = learned(openOn(plan), drawn, 4)
    const wrong = { ...drawn[0]!, target: not('a') }
    trainable.step([wrong])
    const { digest, ...facts } = trainable.sums!()!
    expect(facts).toMatchObject({ examples: 13, divided: 1, clipped: 0 })
    trainable.forget!([wrong])
    expect(trainable.sums!()!.digest).toBe(digest)
  })

  it('leaves a step out that would bring more weight than the sums hold', () => {
    const drawn = rowsOf(plan.base.network.latentWidth(0), 4)
    const trainable = learned(openOn(plan), drawn, 4)
    const { digest } = trainable.sums!()!
    expect(trainable.step([{ ...drawn[0]!, weight: 2 ** 29 }]).dropped).toBe(true)
    expect(trainable.sums!()!.digest).toBe(digest)
  })
})

describe('an embedding in whole numbers', () => {
  const config = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0, features: 64, depth: 1 }
  const base = viewOf(bert, ranpac, config)
  const whole = wholeFeatures(base)!

  it('is what whole numbers alone give, row by row as in a block', () => {
    const rows = rowsOf(base.network.latentWidth(0), 9).map(({ latent }) => latent)
    const { projection, width } = base.network
    const weight = base.weights.get(projection!.weight)!.data
    const scale = (INPUT_UNIT * projection!.unit) / whole.unit
    const together = whole.of(whole.inputs(rows))
    for (const [at, latent] of rows.entries()) {
      const x = [...latent.data].map((value) => Math.round(value / INPUT_UNIT))
      const wanted = Array.from({ length: width }, (_, column) => {
        const product = x.reduce(
          (sum, value, row) => sum + value * weight[row * width + column]!,
          0,
        )
        return Math.floor(Math.max(0, product) * scale + 0.5)
      })
      expect([...together[at]!.numbers]).toEqual(wanted)
      expect([...whole.of(whole.inputs([latent]))[0]!.numbers]).toEqual(wanted)
    }
  })

  it('is shortened where it is longer than the base says, and counted', () => {
    const [{ latent }] = rowsOf(base.network.latentWidth(0), 1) as [LabelledRow]
    const long = { ...latent, data: latent.data.map((value) => 3 * value) }
    const [row, whole1] = whole.of(whole.inputs([long, latent]))
    expect(row!.clipped).toBe(latent.data.length)
    expect(whole1!.clipped).toBe(0)
    const most = Math.max(...row!.numbers) / Math.max(...whole1!.numbers)
    expect(most).toBeGreaterThan(0.95)
    expect(most).toBeLessThan(1.05)
  })

  it('differs by projection and base, and features have none', () => {
    const other = viewOf(bert, ranpac, { ...config, projection: 'orthogonal' })
    const { identity } = wholeFeatures(other)!
    expect(identity).not.toBe(whole.identity)
    const features = viewOf(openFeatures({ size: 4, standardise: false }), ranpac, config)
    expect(wholeFeatures(features)).toBeUndefined()
  })
})

describe('exact sums', () => {
  const shape = { width: 3, unit: 2 ** -9, identity: 'one', needsMoments: true }
  const random = openRandom(1, 'exact')
  const examples = Array.from({ length: 50 }, (): WholeExample => {
    const numbers = Int16Array.from({ length: 3 }, () => random.below(4097) - 2048)
    return {
      whole: { numbers, clipped: 0 },
      shares: new Map([[random.below(2), 1]]),
    }
  })
  const sumsOf = (some: readonly WholeExample[]) => {
    const sums = new ExactSums(shape, 2)
    for (const example of some) sums.addAll([example])
    return sums
  }

  it('of shards add up to those of all, whatever the order of their columns', () => {
    const all = sumsOf(examples)
    const merged = new ExactSums(shape, 2)
    for (const shard of [0, 1, 2]) {
      const own = examples.filter((_, at) => at % 3 === shard)
      const columns = shard === 1 ? [1, 0] : [0, 1]
      const there = own.map(({ shares, ...rest }) => ({
        ...rest,
        shares: new Map([...shares].map(([column, share]) => [columns.indexOf(column), share])),
      }))
      merged.merge(sumsOf(there), columns)
    }
    expect(merged.digest(['a', 'b'])).toBe(all.digest(['a', 'b']))
    expect(merged.snapshot()).toEqual(all.snapshot())
  })

  it('have another digest where one number differs by one unit, or a label by its name', () => {
    const [first, ...rest] = examples
    const numbers = first!.whole.numbers.slice()
    numbers[1]! += 1
    const changed = sumsOf([{ ...first!, whole: { numbers, clipped: 0 } }, ...rest])
    expect(changed.digest(['a', 'b'])).not.toBe(sumsOf(examples).digest(['a', 'b']))
    expect(sumsOf(examples).digest(['a', 'x'])).not.toBe(sumsOf(examples).digest(['a', 'b']))
  })
})

describe('whole totals', () => {
  const add = (totals: WholeTotals, step: number, sign: number) => {
    for (const [at, number] of [step, -step, 1].entries()) totals.addOne(at, sign * number)
  }

  it('are exact beyond 2⁵³, and have the same tensors and words whatever they went through', () => {
    const [steps, step] = [3000, 2 ** 45 - 1]
    const totals = new WholeTotals(3)
    for (let at = 0; at < steps; at += 1) {
      totals.reserve(step)
      add(totals, step, 1)
    }
    const wanted = [BigInt(step), BigInt(-step), 1n].map((each) => each * BigInt(steps))
    expect([...new BigInt64Array(totals.words().buffer)]).toEqual(wanted)
    const back = WholeTotals.from(totals.tensors('x', [3]), 'x', 3)!
    expect(back.words()).toEqual(totals.words())
    for (let at = 0; at < steps - 1; at += 1) {
      back.reserve(step)
      add(back, step, -1)
    }
    const one = new WholeTotals(3)
    one.reserve(step)
    add(one, step, 1)
    expect(back.tensors('x', [3])).toEqual(one.tensors('x', [3]))
    expect([...back.values()]).toEqual([step, -step, 1])
  })

  it('are of another length than a checkpoint has', () => {
    const tensors = new WholeTotals(3).tensors('x', [3])
    expect(WholeTotals.from(tensors, 'x', 4)).toBeUndefined()
    expect([...tensors.keys()]).toEqual(['x'])
  })
})

/** Around four centres on the sphere. */
function rowsOf(width: number, count: number): LabelledRow[] {
  const random = openRandom(width, 'rows')
  return Array.from({ length: count }, (_, at) => {
    const label = labels[at % labels.length]!
    const data = Float32Array.from({ length: width }, (_, place) =>
      place % labels.length === at % labels.length ? 1 + random.normal() : random.normal(),
    )
    const length = Math.hypot(...data)
    const latent = { positions: 1, width, data: data.map((value) => value / length) }
    return { latent, target: labelled(label), weight: at % 5 === 0 ? 0.3 : 1 }
  })
}

function learned(trainable: Trainable, rows: readonly LabelledRow[], block: number): Trainable {
  for (let from = 0; from < rows.length; from += block)
    trainable.testAndStep!(rows.slice(from, from + block))
  return trainable
}

/** At one scale: the scale of the logits follows the order. */
function headOf(trainable: Trainable): string[] {
  const { head, steps, tensors } = trainable.snapshot()
  const sums = [...tensors].filter(([name]) => name.startsWith('exact/'))
  const temperature = { shape: [2], data: Float32Array.of(1, 0) }
  const rest: Tensors = new Map([...tensors, ...sums, ['temperature', temperature]])
  trainable.restore({ head, steps, tensors: rest })
  trainable.forget!([])
  return bytesOf(trainable.parameters())
}

function sumsIn(trainable: Trainable): string[] {
  const { tensors } = trainable.snapshot()
  return bytesOf(new Map([...tensors].filter(([name]) => name.startsWith('exact/'))))
}

it.each([
  ['one weight', () => 1],
  ['many weights', (random: Random) => 2 * random.uniform()],
])('sums of many examples are those of big integers to the bit, with %s', (_, weightOf) => {
  const random = openRandom(3, 'gram')
  const width = 37
  const examples = Array.from({ length: 301 }, (): WholeExample => {
    // All of the greatest size, with either sign, or drawn.
    const sign = random.below(3) - 1
    const numbers = Int16Array.from({ length: width }, () =>
      sign === 0 ? random.below(8193) - 4096 : 4096 * sign,
    )
    return { whole: { numbers, clipped: 0 }, shares: new Map([[0, weightOf(random)]]) }
  })
  const sums = new ExactSums({ width, unit: 1, identity: 'tiny', needsMoments: true }, 1)
  sums.addAll(examples)
  sums.subtractAll(examples.slice(0, 100))
  const wanted = Array.from({ length: width }, (_, i) =>
    Array.from({ length: i + 1 }, (_, j) =>
      examples.slice(100).reduce((sum, { whole: { numbers }, shares }) => {
        const weight = BigInt(Math.round(1024 * shares.get(0)!))
        return sum + weight * BigInt(numbers[i]!) * BigInt(numbers[j]!)
      }, 0n),
    ),
  ).flat()
  const found = WholeTotals.from(sums.snapshot(), 'exact/moments', wanted.length)!
  expect([...new BigInt64Array(found.words().buffer)]).toEqual(wanted)
})

it('an embedding with a number that is not finite leaves its step out', () => {
  const config = { method: 'ranpac', rank: 0, alpha: 1, tail_layers: 0, features: 16, depth: 1 }
  const plan = planOf({ method: ranpac, config, base: viewOf(bert, ranpac, config), labels })
  const drawn = rowsOf(plan.base.network.latentWidth(0), 4)
  const trainable = learned(openOn(plan), drawn, 4)
  const { digest } = trainable.sums!()!
  for (const value of [NaN, Infinity, 1e38]) {
    const latent = { ...drawn[0]!.latent, data: drawn[0]!.latent.data.map(() => value) }
    const isDropped = !Number.isFinite(value)
    expect(trainable.step([{ ...drawn[0]!, latent }]).dropped).toBe(isDropped)
    expect(trainable.sums!()!.digest === digest).toBe(isDropped)
  }
})
