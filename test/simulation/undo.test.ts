/**
 * Sums after any history are those of a run that never saw what was taken out, and each version is what the event log says
 * that it has learned. With crashes, and requests to forget.
 */
import { expect, it } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { EventLogTable } from '../../src/checkpoint/event-log/table.ts'
import type { Random } from '../../src/contracts/core.ts'
import type { Example, Head } from '../../src/contracts/example.ts'
import { hashOf } from '../../src/intake/dedupe/dedupe.ts'
import { hashesIn } from '../../src/intake/dedupe/seen-ids.ts'
import { openRandom } from '../../src/platform/random.ts'
import { runs } from '../properties.ts'
import { labelled, open as openOn, planOf } from '../trainer/rig.ts'
import { tinyBase, tinyLatent } from '../trainer/tiny.ts'
import { openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'
import { runWithCrashes } from './lives.ts'

const SEEDS = Array.from({ length: runs(2) }, (_, at) => at + 1)
const STEPS = 12

const values = openFeatures({ size: 8, standardise: false })
const base = { ...values, network: { ...values.network, unit: true } }
const config = { method: 'ncm', rank: 0, alpha: 1, tail_layers: 0 }
const planFor = (head: Head) => planOf({ method: ncm, config, base, head })
const labels = ['a', 'b', 'c', 'd', 'e']
const setting: Setting = {
  every: 3,
  capacity: 16,
  train: { batch: 3, replay_batch: 0, epochs: 1 },
  labels: { known: labels, limit: 20 },
  freshParameters: (head: Head) => freshAdapter(planFor(head), openRandom(1, 'fresh')),
  openTrainable: ({ head }: { readonly head: Head }) => openOn(planFor(head)),
}

const lesson = (id: string, text: string, label: string, source = 'desk') =>
  JSON.stringify({ id, source, text, label })
const retraction = (id: string, source = 'desk') => JSON.stringify({ id, source, retract: true })

async function send(world: World, lines: readonly string[], own = setting): Promise<void> {
  world.streams.get('s')!.push(...lines)
  await runToEnd(world, own)
}

async function goTo(world: World, version: string): Promise<void> {
  const { moves } = world.registry
  world.registry.sinceMs = 1000 + moves.length
  await world.registry.point({ version, expect: moves.length, reason: 'any', by: 'rollback' })
  await runToEnd(world, setting)
}

async function forget(world: World, asked: object): Promise<void> {
  const { moves } = world.registry
  world.registry.sinceMs = 1000 + moves.length
  await world.registry.point({
    ...{ version: moves.at(-1)!.live.version, expect: moves.length },
    ...{ reason: 'asked by a person', by: 'forget' },
    asks: { forget: { request: `f-${moves.length}`, ...asked } },
  })
  await runToEnd(world, setting)
}

const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 50 }).load()!

function presentSums(world: World) {
  const { weights } = savedIn(world)
  const present = openOn(planFor(weights.head))
  present.restore(weights)
  return present.sums!()!
}

function digestOf(examples: readonly Example[], head: Head) {
  const trainable = openOn(planFor(head))
  for (const { encoded, target, weight } of examples)
    trainable.step([{ latent: tinyLatent(encoded), target, weight }])
  return trainable.sums!()!
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

/** Which lessons the sums have, by the rule of a person: what was said last on this line, and not taken back. */
class Reference {
  /** Key → text and label. */
  #now = new Map<string, string>()
  readonly #of = new Map<string, ReadonlyMap<string, string>>()
  readonly #gone = new Set<string>()

  published(versions: Iterable<string>): void {
    for (const version of versions)
      if (!this.#of.has(version)) this.#of.set(version, new Map(this.#now))
  }

  learn(key: string, what: string): void {
    if (!this.#gone.has(key)) this.#now.set(key, what)
  }

  takeBack(isMeant: (key: string) => boolean, known: Iterable<string>): void {
    for (const key of known) if (isMeant(key)) this.#gone.add(key)
    for (const key of [...this.#now.keys()]) if (isMeant(key)) this.#now.delete(key)
  }

  goTo(version: string): void {
    this.#now = new Map([...this.#of.get(version)!].filter(([key]) => !this.#gone.has(key)))
  }

  get lessons(): readonly string[] {
    return [...this.#now.values()]
  }
}

/** What a run has that sees these lessons alone. */
function sumsOfRun(lessons: readonly string[]) {
  const trainable = openOn(planFor(labels))
  for (const line of lessons) {
    const { text, label } = JSON.parse(line) as { readonly text: string; readonly label: string }
    const latent = tinyLatent(tinyBase.encode({ kind: 'text', text }, 64))
    trainable.step([{ latent, target: labelled(label), weight: 1 }])
  }
  return trainable.sums!()!
}

it.each(SEEDS)(
  'after any history the sums are those of a run that never saw what was taken out (seed %i)',
  async (seed) => {
    const random = openRandom(seed, 'histories')
    const world = openWorld({ s: [] })
    const reference = new Reference()
    const said = new Set<string>()
    for (let at = 0; at < STEPS; at += 1) {
      await anyStep(world, reference, said, random, at)
      const lessons = reference.lessons
      const found = presentSums(world)
      const wanted = sumsOfRun(lessons)
      expect([at, found.examples, found.digest]).toEqual([at, wanted.examples, wanted.digest])
      reference.published(world.registry.versions.keys())
      const log = logOf(world)
      const { parent } = savedIn(world).progress
      const { manifest } = world.registry.versions.get(parent!)!
      expect([parent, log.summedBy(parent!).length]).toEqual([parent, manifest.sums!.examples])
      const rows = log.summedSince(parent!)
      expect(digestOf([...log.examplesOf(rows)], savedIn(world).weights.head).digest).toBe(
        found.digest,
      )
    }
    expect(said.size).toBeGreaterThan(5)
  },
  60_000,
)

/** Each step ends with an update, so that it is known which lessons each version has. */
async function anyStep(
  world: World,
  reference: Reference,
  said: Set<string>,
  random: Random,
  at: number,
): Promise<void> {
  const { below } = random
  const kind = below(8)
  const known = [...said]
  const source = ['desk', 'shop', 'web'][below(3)]!
  if (kind < 4 || known.length === 0) {
    // New events, and corrections of earlier ones by id.
    const own = { ...setting, every: 1 }
    const lines = Array.from({ length: 1 + below(4) }, (_, each) => {
      const isAgain = known.length > 0 && below(3) === 0
      const [from = source, id = `e${at}-${each}`] = isAgain
        ? known[below(known.length)]!.split('/')
        : []
      return { key: `${from}/${id}`, line: lesson(id, `t ${at} ${each}`, labels[below(5)]!, from) }
    })
    for (const { key, line } of lines) {
      said.add(key)
      reference.learn(key, line)
      if (below(4) > 0) await send(world, [line], own)
      else {
        world.streams.get('s')!.push(line)
        await runWithCrashes(world, own, at, { crashes: 3, effects: 12 })
      }
      reference.published(world.registry.versions.keys())
    }
  } else if (kind === 4) {
    const versions = [...world.registry.versions.keys()].slice(-6)
    const version = versions[below(versions.length)]!
    reference.goTo(version)
    await goTo(world, version)
  } else if (kind === 5 && below(2) === 0) {
    const key = known[below(known.length)]!
    const [from, id] = key.split('/')
    reference.takeBack((each) => each === key, known)
    await forget(world, { source: from, id })
  } else {
    const keys = kind === 7 ? known.filter((each) => each.startsWith(`${source}/`)) : known
    for (const key of keys.slice(0, kind === 7 ? 3 : 1 + below(2))) {
      const [from, id] = key.split('/')
      reference.takeBack((each) => each === key, known)
      await send(world, [retraction(id!, from)])
    }
  }
}
