/**
 * No stream of feedback stops a model: whatever its numbers and weights are, the trainer stays alive, each version is
 * finite, and a restart continues from the checkpoint. `ANTIKYTHERA_FAULTS=full npm test -- test/trainer/any-stream` sends
 * 10,000 events to each method, from a seed that is another one each time; a failure prints the command that repeats it.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import { areFinite, freshAdapter } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { FeedbackEvent, Input } from '../../src/contracts/event.ts'
import type { Random } from '../../src/contracts/core.ts'
import type { Head } from '../../src/contracts/example.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods } from '../../src/plugins.ts'
import { labelsIn } from '../../src/tasks/labels/label-rules.ts'
import { checkFinite } from '../../src/versions/sealing.ts'
import { event } from './events.ts'
import { bert, open, planOf } from './rig.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

const isFull = process.env.ANTIKYTHERA_FAULTS === 'full'
const EVENTS = isFull ? 10_000 : 240
/** Events between two restarts. */
const LIFE = isFull ? 250 : 48
const SEED = Number(process.env.ANTIKYTHERA_SEED ?? (isFull ? Date.now() % 2 ** 31 : 1))

const SIZE = 6
const ofHeads: readonly string[] = ['head', 'ncm', 'slda', 'ranpac']
/** They need a layer of a transformer, or its norms. */
const ofTexts: readonly string[] = ['bottleneck', 'loreft', 'norm']

function partsFor(name: keyof typeof methods) {
  const method: MethodPlugin = methods[name]
  const isHead = ofHeads.includes(name)
  const tail_layers: AdapterConfig['tail_layers'] = isHead ? 0 : 'all'
  const config = {
    ...{ method: name, rank: 2, alpha: 4, tail_layers, ...(name === 'ranpac' && { features: 64 }) },
  }
  const features = openFeatures({ size: SIZE, standardise: false, hidden: isHead ? [] : [4] })
  return { method, config, base: viewOf(ofTexts.includes(name) ? bert : features, method, config) }
}

async function settingFor(name: keyof typeof methods, world: World): Promise<Setting> {
  const { method, config, base } = partsFor(name)
  const plan = (head: Head) => planOf({ method, config, base, labels: labelsIn(head) })
  const trunk = await openTrunkEngine(base, cutOf(config.tail_layers, base.network.layers))
  onTestFinished(async () => trunk.close())
  const { registry } = world
  return {
    every: 8,
    capacity: 40,
    train: { batch: 8, replay_batch: 4, epochs: 1 },
    labels: { open: true, known: [], limit: 8 },
    parse: ({ value, timeMs }: SourceRecord, connector: string): FeedbackEvent =>
      parseEvent(value, defaultLimits, { source: connector, timeMs: timeMs ?? 0 }),
    base,
    trunk,
    adapter: config,
    freshParameters: (head) => freshAdapter(plan(head), openRandom(1, 'fresh')),
    openTrainable: ({ head, parameters }) => open({ ...plan(head), parameters }),
    registry: {
      ...registry,
      async publish(draft) {
        checkFinite(draft.manifest, draft.parameters)
        return registry.publish(draft)
      },
    },
  }
}

/** Reads what is new, in a trainer of its own, and checks what must hold afterwards. */
async function live(world: World, setting: Setting, events: readonly string[]) {
  world.streams.get('desk')!.push(...events)
  const status = await runToEnd(world, setting)
  expect(status).toMatchObject({ state: 'stopped', lag: 0 })
  const { weights } = new Checkpoint(world.store, { snapshots: 50 }).load()!
  for (const [name, { data }] of weights.tensors)
    expect([name, areFinite(data)]).toEqual([name, true])
  return status
}

const labelled = (id: string, features: readonly number[], label: string, weight?: number) =>
  event({ id, source: 'desk', input: { features }, label, ...(weight && { weight }) })
const retraction = (id: string) => event({ id, source: 'desk', retract: true })

it.each(['ncm', 'slda', 'ranpac'] as const)(
  '%s continues after the retraction of a heavy example, and learns what comes later',
  async (name) => {
    const world = openWorld({ desk: [] })
    const setting = await settingFor(name, world)
    const rows: readonly (readonly [readonly number[], string, number?])[] = [
      [[-336, 0, 0, -1, 1, 0.5], 'c'],
      [[-1, -222, 0, 0, 1, 0], 'b', 1000],
      [[0, 2, -985, -663, -381, 0.6], 'b'],
      [[407, 74, 1, 1, 0, 0.4], 'd'],
      [[1, -109, 1, 0, 1, 0], 'b'],
      [[0, -553, 0.3, 1, -1, 0], 'e'],
      [[-779, -751, -1, 0, -1, 436], 'a'],
      [[57, 0, 0, 1, 2, -648], 'b'],
    ]
    await live(
      world,
      setting,
      rows.map(([x, label, weight], at) => labelled(`e-${at}`, x, label, weight)),
    )
    await live(world, setting, [retraction('e-1'), labelled('e-8', [-337, 0.6, 0.7, 0, 0, 1], 'a')])
    const later = Array.from({ length: 24 }, (_, at) => {
      const isC = at % 2 === 0
      return labelled(
        `l-${at}`,
        [isC ? -300 - at : 0, 0, isC ? 0 : 500 + at, 0, 1, 0],
        isC ? 'c' : 'f',
      )
    })
    const status = await live(world, setting, later)
    expect(status.counts).toMatchObject({ accepted: 34, learned: 32, rejected: 0 })
    const before = status.prequential
    const { prequential } = await live(
      world,
      setting,
      later.map((line) => line.replace('l-', 'm-')),
    )
    const right = prequential.accuracy * prequential.count - before.accuracy * before.count
    expect(right).toBeGreaterThan(20)
  },
)

describe.each(Object.keys(methods) as (keyof typeof methods)[])('%s', (name) => {
  it(
    `survives ${EVENTS} events of any kind, restarts and rollbacks`,
    async () => {
      const world = openWorld({ desk: [] })
      const setting = await settingFor(name, world)
      const inputOf = ofTexts.includes(name) ? anyText : anyFeatures
      const random = openRandom(SEED, `stream of ${name}`)
      try {
        for (let from = 0; from < EVENTS; from += LIFE) {
          const events = Array.from({ length: LIFE }, (_, at) =>
            anyEvent(from + at, random, world, inputOf),
          )
          await live(world, setting, events)
          await anyRollback(world, random)
        }
      } catch (error) {
        const command = `ANTIKYTHERA_SEED=${SEED}${isFull ? ' ANTIKYTHERA_FAULTS=full' : ''} npm test -- test/trainer/any-stream -t '${name} survives'`
        throw new Error(`repeat it with: ${command}`, { cause: error })
      }
    },
    isFull ? 600_000 : 30_000,
  )
})

const WORDS = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']
const LABELS = ['a', 'b', 'c', 'd', 'e']

/** The first events predict something that later ones judge. */
function anyEvent(
  at: number,
  random: Random,
  world: World,
  inputOf: (random: Random) => Input,
): string {
  const { below } = random
  const id = `e-${at}`
  const about = `p-${below(at + 1)}`
  const weight = 10 ** (3 - 33 * random.uniform() ** 3)
  const says = { id, source: 'desk', weight: below(3) === 0 ? weight : 1 }
  const label = LABELS[below(LABELS.length)]!
  const input = inputOf(random)
  const { kind: _, ...said } = input
  if (at % 3 === 0)
    world.predictions.set(`p-${at}`, {
      ...{ id: `p-${at}`, input, version: 'v0', timeMs: 0 },
      answer: label,
    })
  const kind = below(12)
  if (kind === 0) return event({ id: `e-${below(at + 1)}`, source: 'desk', retract: true })
  if (kind === 1) return event({ source: 'desk', prediction_id: about, retract: true })
  if (kind === 2) return event({ ...says, prediction_id: about, rating: below(2) || -1 })
  if (kind === 3) return event({ ...says, prediction_id: about, correction: label })
  // The same id says something else.
  if (kind === 4) return event({ ...says, id: `e-${below(at + 1)}`, input: said, label })
  return event({ ...says, input: said, label })
}

function anyFeatures(random: Random): Input {
  return { kind: 'features', features: Array.from({ length: SIZE }, () => anyNumber(random)) }
}

function anyText({ below }: Random): Input {
  return {
    kind: 'text',
    text: Array.from({ length: 1 + below(9) }, () => WORDS[below(8)]).join(' '),
  }
}

function anyNumber(random: Random): number {
  const kind = random.below(40)
  if (kind === 0) return (random.below(2) || -1) * 10 ** (30 * random.uniform() - 15)
  if (kind < 16) return random.below(3) - 1
  if (kind < 24) return random.uniform()
  return Math.round(1000 * random.normal())
}

async function anyRollback(world: World, random: Random): Promise<void> {
  if (random.below(3) > 0) return
  const { moves, versions } = world.registry
  const names = [...versions.keys()].slice(-5)
  const version = names[random.below(names.length)]!
  await world.registry.point({ version, expect: moves.length, reason: 'any', by: 'rollback' })
}
