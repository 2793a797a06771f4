/** Spans in the trainer: crashes, a hostile source, a request to forget and a gate, with the plain head. */
import { expect, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import type { TrunkEngine } from '../../src/contracts/base.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { Head } from '../../src/contracts/example.ts'
import { placedTarget } from '../../src/intake/encode-example.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import type { SpanTarget } from '../../src/tasks/spans/target.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { spansOf } from '../tasks/spans-of.ts'
import { event } from './events.ts'
import { finalState } from './final-state.ts'
import { bert, hyperparameters, tensorsOf, tf } from './rig.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

const config = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 }
const task = spansOf({ open: true, limit: 8 })
const { width } = bert.network

/** A vector of its own for each token, in place of what a frozen network makes of them. */
const trunk: TrunkEngine = {
  encode: (rows) =>
    Promise.resolve(
      rows.map(({ data: ids }) => {
        const data = new Float32Array(ids.length * width)
        for (const [at, id] of ids.entries()) data[at * width + id] = 1
        return { positions: ids.length, width, data }
      }),
    ),
  close: () => Promise.resolve(),
}

const planOf = (head: Head) => ({
  ...{ base: bert, method: methods.head, config, task, outputs: task.outputs(head) },
})

function opened({ head, parameters }: Parameters<NonNullable<Setting['openTrainable']>>[0]) {
  return openTrainable({
    ...{ ...planOf(head), head, parameters, tf, baseTensors: tensorsOf(bert) },
    hyperparameters: { ...hyperparameters, learning_rate: 0.03 },
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
  })
}

function read(value: Uint8Array, source: string, timeMs: number): FeedbackEvent {
  return parseEvent(value, defaultLimits, { source, timeMs, signals: task.view.signals })
}

const setting: Setting = {
  ...{ every: 8, capacity: 24, train: { batch: 8, replay_batch: 8, epochs: 1 } },
  ...{ base: bert, trunk, task, adapter: config, openTrainable: opened },
  parse: ({ value, timeMs = 0 }, source) => read(value, source, timeMs),
  freshParameters: (head) => freshAdapter(planOf(head), openRandom(1, 'fresh')),
}

const subjects = ['phone', 'the phone', 'lovely phone', 'the lovely phone']
const moods = ['good', 'bad']

/** A thing and a mood; a wrong one says each of the other. */
function lesson(at: number, source: string, isRight = true): string {
  const [subject, mood] = [subjects[at % 4]!, moods[(at >> 2) % 2]!]
  const text = `${subject} is ${mood}`
  const [thing, feeling] = isRight ? ['thing', 'mood'] : ['mood', 'thing']
  const spans = [
    { start: subject.length - 5, end: subject.length, label: thing },
    { start: text.length - mood.length, end: text.length, label: feeling },
  ]
  return event({ id: `${source}-${at}`, source, input: { text }, spans })
}

const honest = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => lesson(from + at, `s${(from + at) % 6}`))

/** After each honest one three of one source that says the opposite. */
const disputed = (count: number) =>
  honest(count).flatMap((own, at) => [
    own,
    ...[0, 1, 2].map((each) => lesson(3 * at + each, 'hostile', false)),
  ])

/** The mean closeness of the newest version to what is right. */
async function closeness(world: World): Promise<number> {
  const { manifest, parameters } = [...world.registry.versions.values()].at(-1)!
  const head = task.headOf(manifest.facts)
  const trainable = opened({ head, parameters })
  let sum = 0
  for (const line of honest(8)) {
    const { input, signal } = read(new TextEncoder().encode(line), 's', 0)
    const encoded = bert.encode(input!, 64)
    const said = task.target(signal, undefined, head)
    const placed = placedTarget(said, { input: input!, row: encoded }, task, bert)
    const [outputs] = trainable.score(await trunk.encode([encoded]))
    sum += 1 - task.score(outputs!, placed as SpanTarget, head).error
  }
  trainable.dispose()
  return sum / 8
}

async function ran(events: readonly string[], own: Partial<Setting> = {}): Promise<World> {
  const world = openWorld({ s: events })
  await runToEnd(world, { ...setting, ...own })
  return world
}

test('crashes anywhere change nothing of what is learned, and both labels are found', async () => {
  const events = honest(64)
  const whole = await ran(events)
  expect(whole.letters.size).toBe(0)
  const world = openWorld({ s: events })
  const crashes = await runWithCrashes(world, setting, 1, { crashes: 12, effects: 30 })
  expect(crashes).toBeGreaterThan(5)
  expect(finalState(world)).toEqual(finalState(whole))
  expect(await closeness(whole)).toBeGreaterThan(0.8)
})

test('a source with three quarters of the volume turns the answers, unless the defence is on', async () => {
  const events = disputed(48)
  const defence = {
    ...{ maxShare: 0.2, fromSources: 5, trusted: [], maxWeight: 1, maxUpdate: 100 },
    ...{ quarantines: true, sources: 100 },
  }
  expect(await closeness(await ran(events))).toBeLessThan(0.2)
  const world = await ran(events, { defence })
  expect(await closeness(world)).toBeGreaterThan(0.8)
  expect(world.statuses.at(-1)!.defence!.keptBack).not.toEqual({})
})

test('a forgotten source leaves everything as in a run that never had it, what the dictionary knew of it too', async () => {
  const events = [...honest(16), ...disputed(8)]
  const world = await ran(events)
  const { moves } = world.registry
  world.registry.sinceMs = 1000
  await world.registry.point({
    ...{ version: moves.at(-1)!.live.version, expect: moves.length },
    ...{ reason: 'asked by a person', by: 'forget' },
    asks: { forget: { request: 'f-1', source: 'hostile' } },
  })
  await runToEnd(world, setting)
  const never = await ran(events.filter((line) => !line.includes('hostile')))
  const learned = (of: World) => {
    const { weights, head, steps, learnerState, remembered, pending } = finalState(of)!
    return { weights, head, steps, learnerState, remembered, pending }
  }
  expect(learned(world)).toEqual(learned(never))
})

test('a gate holds a version that finds fewer spans, and says by how much', async () => {
  const promotion = openPolicy('promotion', policies.promotion, { policy: 'margin', points: 0 })
  const wrong = Array.from({ length: 8 }, (_, at) => lesson(at, 'turned', false))
  const train = { batch: 8, replay_batch: 0, epochs: 24 }
  const world = await ran([...honest(24), ...wrong], { promotion, train })
  const { manifest } = [...world.registry.versions.values()].at(-1)!
  expect(manifest).toMatchObject({ version: 'v4', decision: 'hold' })
  expect(manifest.reason).toMatch(/margin: [\d.]+ points worse on \d+ examples/)
  expect(world.registry.moves.at(-1)!.live.version).toBe('v3')
})

test('a balanced buffer keeps the few texts without a piece, which the newest and the usual ones do not', async () => {
  const bare = Array.from({ length: 6 }, (_, at) =>
    event({
      id: `bare-${at}`,
      source: 's',
      input: { text: `is . , ${'the '.repeat(at)}` },
      spans: [],
    }),
  )
  const kept = async (policy: string) => {
    const replay = openPolicy('replay', policies.replay, { policy, capacity: 8 })
    const world = await ran([...bare, ...honest(58)], { replay })
    return finalState(world)!.remembered.filter((key) => key.includes('bare')).length
  }
  expect(await kept('recent')).toBe(0)
  expect(await kept('class-balanced')).toBeGreaterThanOrEqual(3)
})
