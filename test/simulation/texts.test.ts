/**
 * Law 2 for texts: a trainer of a decoder on real engines that dies at random instants, and computes its latents again, ends byte for
 * byte where one ends that never died. Completions, pairs, corrections, ratings and retractions; steps eager and compiled.
 */
import { afterAll, expect, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import type { FeedbackEvent, FeedbackSignal } from '../../src/contracts/event.ts'
import { rowCostOf } from '../../src/evaluation/gate-rows.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { lessonsIn } from '../../src/nn/lessons.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { policies } from '../../src/plugins.ts'
import { openRandom } from '../../src/platform/random.ts'
import { rewardOf } from '../../src/tasks/generation/loss.ts'
import { answersIn } from '../../src/nn/answer-outputs.ts'
import { encodedText, llama, openTexts, textPlan } from '../tasks/texts.ts'
import { openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'

const plan = textPlan({ kl: 0.1, general_batch: 2 })
const trunk = await openTrunkEngine(llama, 1)
afterAll(() => trunk.close())

const words = ['late', 'lost', 'broken', 'kind', 'soon', 'sorry']
const some = (below: (bound: number) => number) =>
  `${words[below(6)]} ${words[below(6)]} ${words[below(6)]}`

function signalOf(below: (bound: number) => number): FeedbackSignal {
  const kind = below(6)
  if (kind === 5) {
    const answers = Array.from({ length: 2 + below(2) }, () => ({
      text: some(below),
      reward: below(3) / 2,
    }))
    return { kind: 'answers', answers }
  }
  if (kind === 0) return { kind: 'preference', chosen: some(below), rejected: `no ${some(below)}` }
  if (kind === 1) return { kind: 'completion', text: some(below), corrects: true }
  if (kind < 4) return { kind: 'rating', rating: below(2) === 0 ? 1 : -1 }
  return { kind: 'completion', text: some(below) }
}

function eventOf(at: number, below: (bound: number) => number): string {
  const id = `e-${below(3) === 0 ? below(at + 1) : at}`
  const signal: FeedbackSignal = below(12) === 0 ? { kind: 'retract' } : signalOf(below)
  const isAbout = signal.kind === 'rating' || below(3) === 0
  const about = isAbout
    ? { predictionId: `p-${below(6)}` }
    : { input: { kind: 'text', text: some(below) } }
  return JSON.stringify({ id, source: 'desk', ...about, signal, weight: 1 })
}

function thumb(
  source: string,
  at: number,
  { about, rating }: { about: number; rating: 1 | -1 },
): string {
  const signal: FeedbackSignal = { kind: 'rating', rating }
  return JSON.stringify({
    ...{ id: `${source}-${at}`, source, predictionId: `p-${about}` },
    ...{ signal, weight: 1 },
  })
}

function worldOf(seed: number, events = 24, each = eventOf): World {
  const { below } = openRandom(seed, 'stream')
  const world = openWorld({ s: Array.from({ length: events }, (_, at) => each(at, below)) })
  for (let at = 0; at < 5; at += 1)
    world.predictions.set(`p-${at}`, {
      ...{ id: `p-${at}`, version: 'v0', answer: some(below), timeMs: 0 },
      input: { kind: 'text', text: some(below) },
    } satisfies ServedPrediction)
  return world
}

/** A version for two answers, which replace each other and fall out. */
const textMemory = {
  policy: openPolicy('memory', policies.memory, { policy: 'retrieval', capacity: 4, every: 2 }),
  language: llama.language!,
}

/** The fourth seed takes compiled steps, which build a graph in each life; every second one stores answers. */
const settingOf = (seed: number): Setting => ({
  ...(seed % 2 === 0 && { textMemory }),
  ...{ seed, base: llama, trunk: { ...trunk, close: async () => {} }, task: plan.task },
  ...{ adapter: plan.config, every: 5, capacity: 6 },
  parse: ({ value }: SourceRecord) => JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
  train: { batch: 3, replay_batch: 2, epochs: 1 },
  limits: { latentBytes: 8192 },
  freshParameters: () => freshAdapter(plan, openRandom(1, 'fresh')),
  openTrainable: (start) =>
    openTexts(plan, { ...start, ...(seed % 4 === 3 && { compiling: { onEager: refuse } }) }),
})

function refuse(reason: string): never {
  throw new Error(`stays eager: ${reason}`)
}

test('a trainer of texts that dies at random instants ends like one that never died', async () => {
  for (const seed of seedsBelow(2)) {
    const world = await expectSameEnd('texts.test.ts', seed, worldOf, settingOf)
    const { versions } = world.registry
    expect(versions.size).toBeGreaterThan(2)
    const last = [...versions.values()].at(-1)!
    const measured = [...versions.values()].filter(({ manifest }) => manifest.kl !== undefined)
    expect(measured.at(-1)?.manifest.kl?.per_token).toBeGreaterThan(0)
    const lessons = lessonsIn(last.parameters)
    expect(lessons.length).toBe(last.manifest.memory?.items ?? 0)
    if (seed % 2 === 0) expect(lessons.length).toBeGreaterThan(2)
  }
})

test('so does one with compiled steps, of a short stream and a few deaths', async () => {
  const short = (seed: number) => worldOf(seed, 20)
  const few = { crashes: 2, effects: 25 }
  const world = await expectSameEnd('texts.test.ts', 3, short, settingOf, few)
  expect(world.registry.versions.size).toBeGreaterThan(1)
})

test('so does one that weighs ratings by who gives them', async () => {
  const rated = (at: number, below: (bound: number) => number) => {
    const [source, rating] = [`rater-${at % 4}`, at % 4 > 0 && below(2) === 0 ? 1 : -1] as const
    const id = `${source}-${at - 4}`
    if (at > 4 && below(6) === 0)
      return JSON.stringify({ id, source, signal: { kind: 'retract' }, weight: 1 })
    return thumb(source, at, { about: below(5), rating })
  }
  const few = { crashes: 2, effects: 40 }
  await expectSameEnd('texts.test.ts', 1, (seed) => worldOf(seed, 48, rated), settingOf, few)
})

test('general rows beside each step keep what no event teaches as the base has it', async () => {
  const { rows } = plan.task.texts!.general!
  // The last ones, which so short a stream does not come to.
  const unseen = rows.slice(-8).map(({ input, target }) => encodedText(plan, input, target))
  const latents = await trunk.encode(unseen)
  const movedBy = async (general_batch: number) => {
    const { task } = textPlan({ general_batch })
    const world = worldOf(0, 12)
    const train = { batch: 3, replay_batch: 2, epochs: 4 }
    await runToEnd(world, { ...settingOf(0), textMemory: undefined, task, train })
    const trainable = openTexts(plan, [...world.registry.versions.values()].at(-1))
    const moved = trainable.score(latents).map((outputs) => rewardOf(answersIn(outputs)[0]!))
    trainable.dispose()
    return Math.hypot(...moved)
  }
  expect(await movedBy(8)).toBeLessThan(0.7 * (await movedBy(0)))
})

test('a small update measures its distance from the base in turn, and each one where a policy needs it', async () => {
  const taught = (at: number, below: (bound: number) => number) => {
    const signal: FeedbackSignal = { kind: 'completion', text: some(below) }
    const input = { kind: 'text', text: some(below) }
    return JSON.stringify({ id: `e-${at}`, source: 'desk', input, signal, weight: 1 })
  }
  const measured = async (policy: 'always' | 'kl') => {
    const world = worldOf(1, 12, taught)
    const promotion = openPolicy('promotion', policies.promotion, { policy })
    const comparison = { golden: [], rowCost: rowCostOf(llama, 1) }
    const train = { batch: 8, replay_batch: 8, epochs: 1 }
    await runToEnd(world, { ...settingOf(1), promotion, comparison, train, every: 1, capacity: 12 })
    const manifests = [...world.registry.versions.values()].map(({ manifest }) => manifest)
    expect(manifests.length).toBe(13)
    return manifests.flatMap(({ version, kl }) => (kl === undefined ? [] : version))
  }
  // The first one says where it begins.
  expect(await measured('always')).toEqual(['v1', 'v4', 'v8', 'v12'])
  const each = Array.from({ length: 12 }, (_, at) => `v${at + 1}`)
  expect(await measured('kl')).toEqual(each)
})

/** How much likelier than by the base the liked answers became, less the same of those that were not. */
async function learnedFrom(ratings: readonly string[]): Promise<number> {
  const liked = Array.from({ length: 12 }, (_, at) => `kind ${words[at % 6]} ${words[at % 5]}`)
  const others = Array.from({ length: 12 }, (_, at) => `late ${words[at % 6]} ${words[at % 5]}`)
  const world = openWorld({ s: ratings })
  const input = { kind: 'text', text: 'help' } as const
  for (const [at, answer] of [...liked, ...others].entries())
    world.predictions.set(`p-${at}`, {
      ...{ id: `p-${at}`, version: 'v0', answer, timeMs: 0, input },
    } satisfies ServedPrediction)
  const train = { batch: 8, replay_batch: 0, epochs: 1 }
  const setting = { ...settingOf(1), task: textPlan({ general_batch: 0 }).task, train, every: 24 }
  await runToEnd(world, setting)
  const rows = [...liked, ...others].map((text) =>
    encodedText(plan, input, { kind: 'completion', completion: text }),
  )
  const trainable = openTexts(plan, [...world.registry.versions.values()].at(-1))
  const moved = trainable
    .score(await trunk.encode(rows))
    .map((outputs) => rewardOf(answersIn(outputs)[0]!))
  trainable.dispose()
  const mean = (some: readonly number[]) => some.reduce((sum, one) => sum + one, 0) / some.length
  return mean(moved.slice(0, 12)) - mean(moved.slice(12))
}

test('one of ten raters who likes nothing takes little from what the others teach', async () => {
  const honest = Array.from({ length: 108 }, (_, at) =>
    thumb(`rater-${at % 9}`, at, { about: at % 24, rating: at % 24 < 12 ? 1 : -1 }),
  )
  const hostile = (each: number) =>
    honest.flatMap((event, at) =>
      at % each === 0
        ? [event, thumb('troll', at, { about: (at / each) % 12, rating: -1 })]
        : [event],
    )
  const alone = await learnedFrom(honest)
  // As often as each other, and as often as all together.
  const byOneName = (events: readonly string[]) =>
    events.map((event) => event.replace(/"source":"[^"]*"/, '"source":"desk"'))
  // Half as often as all the others together, and as often.
  const [some, many] = [hostile(2), hostile(1)]
  expect(await learnedFrom(some)).toBeGreaterThan(0.8 * alone)
  expect(await learnedFrom(many)).toBeGreaterThan(0.2 * alone)
  expect(await learnedFrom(byOneName(many))).toBeLessThan(0.1 * alone)
})
