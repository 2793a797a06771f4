/** A mixture of experts on tables: what it is worth, what a version of it answers, and what a restart makes of it. */
import { describe, expect, test } from 'vitest'
import { asKey, identified } from '../example-key.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { methods, policies, tasks } from '../../src/plugins.ts'
import { adopted, checkTensors, specsOf } from '../../src/adapters/adapter.ts'
import { experts } from '../../src/contracts/policy.ts'
import type { Example } from '../../src/contracts/example.ts'
import { openComparedEngine } from '../../src/learner/memory/engines.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { randomVersion } from '../nn/random-version.ts'
import { openTableLearner, type Row } from './table-learner.ts'

const fixedShare = (settings: object = {}) =>
  openPolicy('memory', policies.memory, { policy: 'mixture', ...settings }).mixture!.reweigh

test('weights go to the expert that is right, and come back from the least after a change', () => {
  const reweigh = fixedShare({ share: 0.01 })
  let weights: readonly number[] = [0.5, 0.5]
  for (let at = 0; at < 100; at += 1) weights = reweigh(weights, [0.9, 0.1])
  expect(weights[0]).toBeGreaterThan(0.98)
  let answers = 0
  for (; weights[0]! > 0.5; answers += 1) weights = reweigh(weights, [0.1, 0.9])
  expect(answers).toBeLessThan(5)
  expect(weights[0]! + weights[1]!).toBeCloseTo(1, 12)
})

test('the log loss is above that of the best expert by no more than the bound of fixed share', () => {
  const random = openRandom(1, 'experts')
  const [share, count, experts] = [0.01, 500, 4]
  const reweigh = fixedShare({ share })
  let weights: readonly number[] = Array.from({ length: experts }, () => 1 / experts)
  let own = 0
  const losses = Array.from({ length: experts }, () => 0)
  for (let at = 0; at < count; at += 1) {
    const found = losses.map((_, expert) => 0.02 + 0.9 * random.uniform() ** (1 + expert))
    own -= Math.log(weights.reduce((sum, weight, expert) => sum + weight * found[expert]!, 0))
    for (const [expert, likelihood] of found.entries()) losses[expert]! -= Math.log(likelihood)
    weights = reweigh(weights, found)
  }
  const bound = Math.log(experts) - count * Math.log(1 - share)
  expect(own).toBeLessThanOrEqual(Math.min(...losses) + bound)
})

test('an example is where a fresh engine places it, whatever was placed before', () => {
  const base = openFeatures({ size: 3, window: 5 })
  const open = () => openComparedEngine(base, { embed: () => new Float32Array() })
  const engine = open()
  const random = openRandom(1, 'places')
  const [first, second, third] = [0, 1, 2].map(() =>
    Float32Array.from({ length: 3 }, () => random.normal()),
  ) as [Float32Array, Float32Array, Float32Array]
  const latent = (data: Float32Array) => ({ positions: 1, width: 3, data })
  const counted = (rows: readonly Float32Array[]) =>
    base.statistics!.observe(engine.statisticsOf(new Map()), rows.map(latent))
  const [before, after] = [counted([first, third]), counted([second, third, first])]
  for (const [vectors, statistics] of [
    [[first], before],
    [[first, second], before],
    [[second, third, first], before],
    [[first], after],
    [[first, first.map((value) => -value)], after],
    [[first], before],
  ] as const)
    expect(engine.place(vectors, statistics)).toEqual(open().place(vectors, statistics))
})

/** Clusters in runs: each of the labels comes for a while, and later again. */
function runsOf(labels: number, rows: number, seed: number): readonly Row[] {
  const random = openRandom(seed, 'runs')
  const centres = Array.from({ length: labels }, () => [0, 1, 2, 3].map(() => 3 * random.normal()))
  return Array.from({ length: rows }, (_, at): Row => {
    const label = Math.floor(at / 10) % labels
    return [centres[label]!.map((c) => c + random.normal()), `l${label}`]
  })
}

/** A border that turns over in the middle. */
function turned(rows: number, seed: number): readonly Row[] {
  const random = openRandom(seed, 'turned')
  return Array.from({ length: rows }, (_, at): Row => {
    const x = [random.uniform(), random.uniform(), random.uniform()]
    return [x, x[0]! + x[1]! > 1 === at < rows / 2 ? 'yes' : 'no']
  })
}

/** Three concepts in turn on three values each of size, colour and shape: Schlimmer & Granger (1986), AAAI. */
function stagger(rows: number, seed: number): readonly Row[] {
  const random = openRandom(seed, 'stagger')
  return Array.from({ length: rows }, (_, at): Row => {
    const x = [random.below(3), random.below(3), random.below(3)]
    const isRight = [x[0] === 0 && x[1] === 0, x[1] === 1 || x[2] === 1, x[0]! > 0]
    return [x, isRight[Math.floor(at / 200) % 3] ? 'yes' : 'no']
  })
}

test('concepts that return each two hundred rows are followed within some twenty', async () => {
  const rows = stagger(1200, 1)
  const adapter = { method: 'head' }
  const model = await openTableLearner(3, { adapter, memory: { policy: 'mixture', window: 100 } })
  model.feed(rows)
  await model.close()
  expect(model.right / rows.length).toBeGreaterThan(0.9)
})

/** Eight labels on a board, shown field by field: Losing, Hammer & Wersing (2016), ICDM. Then all of it, and so on. */
function board(rows: number, seed: number): readonly Row[] {
  const random = openRandom(seed, 'board')
  let field = 0
  return Array.from({ length: rows }, (_, at): Row => {
    if (at % 300 >= 200 || at % 50 === 0) field = random.below(25)
    const [column, row] = [field % 5, Math.floor(field / 5)]
    return [[column + random.uniform(), row + random.uniform()], `l${(column + 3 * row) % 8}`]
  })
}

test('fields of a board that were shown long ago are known again', async () => {
  const memory = { policy: 'mixture', window: 100, capacity: 200 }
  const model = await openTableLearner(2, { adapter: { method: 'head' }, memory })
  model.feed(board(1200, 1))
  const before = model.right
  model.feed(board(600, 2).filter((_, at) => at % 300 >= 200))
  expect((model.right - before) / 200).toBeGreaterThan(0.8)
  await model.close()
})

test.each([
  ['labels in runs', runsOf(20, 800, 1), 0.1],
  ['a border that turns over', turned(800, 1), 0.1],
  ['a stable border', turned(400, 2).slice(0, 200), -0.01],
] as const)('on %s it is better than the adapter by itself, or no worse', async (_, rows, gain) => {
  const rightOf = async (settings: object) => {
    const model = await openTableLearner(rows[0]![0].length, settings)
    model.feed(rows)
    await model.close()
    return model.right / rows.length
  }
  const [mixture, adapter] = [await rightOf({}), await rightOf({ memory: { policy: 'none' } })]
  expect(mixture).toBeGreaterThan(adapter + gain)
})

test.each([
  ['numbers', { features: {} }],
  [
    'numbers that stay as they are',
    { features: { standardise: false }, memory: { policy: 'mixture' } },
  ],
])('a version of %s answers in the server as in the trainer', async (_, settings) => {
  const model = await openTableLearner(4, settings)
  const rows = runsOf(5, 230, 3)
  model.feed(rows.slice(0, 200))
  const { learner, base, plan, task, exampleOf, latentsOf } = model
  const parameters = learner.parameters()
  const weights = [...parameters.get('memory.experts')!.data]
  const present = base.network.compared === undefined ? experts.length - 1 : experts.length
  expect(weights.filter((weight) => weight > 0)).toHaveLength(present)
  const facts = task.facts(learner.head)
  const made = randomVersion(
    { ...plan, outputs: task.outputs(learner.head), facts },
    openRandom(1, 'version'),
  )
  const version = { manifest: { ...made.manifest, memory: learner.knnMemory!.shape }, parameters }
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  await engine.load('v1', version)
  // On the very borders of leaves too, and far away.
  const learned = rows.slice(0, 20)
  const mixed = learned.map(([x], at): Row => [
    x.map((v, k) => (k < 2 ? v : learned[at ? 0 : 1]![0][k]!)),
    'l0',
  ])
  const edges: readonly Row[] = [
    ...learned,
    ...mixed,
    [[0, 0, 0, 0], 'l1'],
    [[1e15, -1e15, 0, 1], 'l2'],
  ]
  const examples = [...rows.slice(200), ...edges].map((row, at) => exampleOf(row, `new ${at}`))
  const served = await engine.run(examples.map(({ encoded }) => ({ adapter: 'v1', encoded })))
  await engine.close()
  const told = learner.scoring.versionOn(examples)
  let next = told.next()
  while (next.done !== true) next = told.next(latentsOf(next.value))
  for (const [at, score] of next.value.entries()) {
    const own = task.score(served[at]!, examples[at]!.target, learner.head)
    expect(own.answer).toEqual(score.answer)
    expect(Math.abs(Math.exp(-own.loss) - Math.exp(-score.loss))).toBeLessThan(1e-4)
  }
  await model.close()
})

const stateOf = ({ learner }: Awaited<ReturnType<typeof openTableLearner>>) => ({
  weights: learner.weights(),
  learnerState: learner.learnerState(),
  remembered: learner.remembered,
  memorised: learner.memorised ?? [],
})

test('a restored learner goes on to the same bytes, also when it is restored twice', async () => {
  const rows = runsOf(6, 150, 4)
  const one = await openTableLearner(4, {})
  one.feed(rows.slice(0, 70))
  const state = structuredClone(stateOf(one))
  one.feed(rows.slice(70))
  const other = await openTableLearner(4, {})
  other.feed(rows.slice(0, 10))
  for (const times of [1, 2]) {
    const { weights, learnerState, remembered, memorised } = structuredClone(state)
    other.learner.restore(weights, learnerState, remembered, memorised)
    if (times === 1) other.feed(rows.slice(70, 80), 70)
  }
  other.feed(rows.slice(70), 70)
  expect(other.learner.parameters()).toEqual(one.learner.parameters())
  expect(other.learner.weights()).toEqual(one.learner.weights())
  expect(other.learner.learnerState().mixture).toEqual(one.learner.learnerState().mixture)
  await Promise.all([one.close(), other.close()])
})

test('a state without experts, as of another policy, starts them fresh', async () => {
  const rows = runsOf(6, 60, 5)
  const before = await openTableLearner(4, { memory: { policy: 'none' } })
  before.feed(rows)
  const { weights: learned, learnerState, remembered } = stateOf(before)
  const model = await openTableLearner(4, {})
  model.feed(rows.slice(0, 20))
  model.learner.restore(learned, learnerState, remembered, [])
  const weights = Object.values(model.learner.knnMemory?.mixture?.weights ?? {})
  expect(weights).toEqual(experts.map(() => 1 / experts.length))
  expect(model.learner.parameters().get('memory.experts')!.data[2]).toBe(0)
  model.feed(rows)
  await Promise.all([before.close(), model.close()])
})

test('a version before the first example is complete', async () => {
  const { learner, plan, task, close } = await openTableLearner(4, {})
  const memory = { base: plan.base, ...learner.knnMemory!.shape }
  const outputs = task.outputs(learner.head)
  checkTensors(specsOf({ ...plan, outputs, memory }), learner.parameters())
  await close()
})

test('a version of an earlier release answers as it did, by the experts that it has', async () => {
  const model = await openTableLearner(4, {})
  model.feed(runsOf(5, 60, 7))
  const { learner, plan, task } = model
  const present = learner.parameters()
  const weights = present.get('memory.experts')!.data.slice(0, 4)
  const earlier = new Map(present).set('memory.experts', { shape: [4], data: weights })
  for (const name of earlier.keys())
    if (name === 'memory.ages' || name.includes('forest')) earlier.delete(name)
  const own = adopted(plan, earlier)
  const outputs = task.outputs(learner.head)
  const { slots, mixture } = learner.knnMemory!.shape
  const memory = { base: plan.base, slots, mixture }
  checkTensors(specsOf({ ...plan, outputs, memory }), own)
  expect([...own.get('memory.experts')!.data]).toEqual([...weights, 0, 0, 0])
  expect(adopted(plan, present)).toBe(present)
  await model.close()
})

test('the scores of another version are those of its own experts, and the present ones stay', async () => {
  const model = await openTableLearner(3, {})
  const rows = turned(300, 6)
  model.feed(rows.slice(0, 140))
  const { learner, exampleOf, latentsOf } = model
  const probe = rows.slice(0, 40).map((row, at) => exampleOf(row, `probe ${at}`))
  const errorsOf = (version?: Parameters<typeof learner.scoring.versionOn>[1]) => {
    const told = learner.scoring.versionOn(probe, version)
    let next = told.next()
    while (next.done !== true) next = told.next(latentsOf(next.value))
    return next.value.reduce((sum, { error }) => sum + error, 0)
  }
  const early = { weights: learner.weights(), memorised: learner.memorised }
  const before = errorsOf()
  model.feed(rows.slice(150))
  const now = errorsOf()
  expect(now).toBeGreaterThan(before + 10)
  expect(errorsOf(early)).toBeLessThan(before + 5)
  expect(errorsOf()).toBe(now)
  await model.close()
})

test('a retracted example no longer votes', async () => {
  const model = await openTableLearner(4, {})
  model.feed(runsOf(3, 40, 7))
  const { learner } = model
  const { key } = learner.memorised![0] as unknown as Example
  expect(learner.retract([key]).learnerState).toBe(true)
  expect(learner.memorised!.map((item) => item.key)).not.toContain(key)
  expect(learner.retract([asKey('unknown')]).learnerState).toBe(false)
  await model.close()
})

const told = (rows: readonly Row[], wrong: Readonly<Record<string, string>>) =>
  rows.map(([features, label]): Row => [features, wrong[label] ?? label])
const expertsOf = ({ learner }: Awaited<ReturnType<typeof openTableLearner>>) =>
  ['fast', 'closed_form/sums/classes'].map(
    (name) => learner.weights().tensors.get(`mixture/${name}`)!.data,
  )
const lengthOf = (values: ArrayLike<number>) => Math.hypot(...Array.from(values))

describe('under the defence', () => {
  const labels = { l0: 'l1', l1: 'l2', l2: 'l0' }

  test('its experts forget with the weights: they are those of a model that never learned what was taken out', async () => {
    const rows = runsOf(3, 90, 5)
    const model = await openTableLearner(4, {})
    const clean = await openTableLearner(4, {})
    for (const each of [model, clean]) each.feed(rows)
    model.feed(told(rows, labels), 1000)
    model.learner.retract(rows.map((_, at) => identified('s', String(1000 + at)).key))
    const next = model.exampleOf(rows[0]!, 'next')
    for (const { learner, latentsOf } of [model, clean]) {
      learner.accept(next, latentsOf([next]), 0)
      const update = learner.update(undefined, { fresh: 'everything' })
      for (let step = update.next(); step.done !== true;) step = update.next(latentsOf(step.value))
    }
    expect(expertsOf(model)).toEqual(expertsOf(clean))
    const weights = Object.values(model.learner.knnMemory!.mixture!.weights)
    expect(weights).toEqual(experts.map(() => 1 / experts.length))
  })

  test('its experts learn an example by the trust in it', async () => {
    const rows = runsOf(3, 60, 6)
    const trust = ({ id }: Example) =>
      Number(id) < 60 ? { weight: 1, doubt: 0 } : Number(id) < 90 ? { weight: 0, doubt: 0 } : half
    const half = { weight: 1, doubt: 0.5 }
    const model = await openTableLearner(4, {}, { trust })
    model.feed(rows)
    const before = expertsOf(model)
    model.feed(told(rows, labels))
    expect(expertsOf(model)).toEqual(before)
  })

  test('an update moves none of its experts further than its bound', async () => {
    const rows = runsOf(3, 60, 7)
    const model = await openTableLearner(4, {})
    model.feed(rows)
    const [state, before] = [model.learner.weights(), expertsOf(model)]
    model.feed(told(rows, labels))
    const forestOf = ({ tensors }: typeof state) =>
      [...tensors].filter(([name]) => name.includes('forest'))
    expect(forestOf(model.learner.weights())).not.toEqual(forestOf(state))
    const factor = model.learner.boundUpdate(state, 0.1)
    expect(forestOf(model.learner.weights())).toEqual(forestOf(state))
    expect(factor).toBeLessThan(1)
    for (const [at, after] of expertsOf(model).entries()) {
      const moved = lengthOf(after.map((value, place) => value - before[at]![place]!))
      expect(moved).toBeLessThan(0.101 * lengthOf(before[at]!))
    }
    expect(model.learner.boundUpdate(state, 0.1001)).toBeUndefined()
  })
})
