/** Law 11: exact sums after any history are those of a run that never saw what was taken out. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { openReceiptReader } from '../../src/checkpoint/event-log/receipts.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import type { Head } from '../../src/contracts/example.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { runs } from '../properties.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { event } from '../trainer/events.ts'
import { labelled, open as openOn, planOf } from '../trainer/rig.ts'
import { tinyBase, tinyLatent } from '../trainer/tiny.ts'
import { openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'

const values = openFeatures({ size: 8, standardise: false })
const base = { ...values, network: { ...values.network, unit: true } }
const config = { method: 'ncm', rank: 0, alpha: 1, tail_layers: 0 }
const planFor = (head: Head) => planOf({ method: ncm, config, base, head })
const setting: Setting = {
  ...{ every: 4, capacity: 4, keepVersions: 50 },
  train: { batch: 3, replay_batch: 0, epochs: 1 },
  freshParameters: (head: Head) => freshAdapter(planFor(head), openRandom(1, 'fresh')),
  openTrainable: ({ head }: { readonly head: Head }) => openOn(planFor(head)),
}

interface TaughtLesson {
  readonly text: string
  readonly label: string
  /** The prediction that it is about: a newer lesson about it replaces this one. */
  readonly about?: string
}

const lesson = (id: string, { text, label, about }: TaughtLesson) =>
  event({ id, label, ...(about === undefined ? { text } : { prediction_id: about }) })
const retraction = (id: string) => event({ id, source: 's', retract: true })

async function rollback(world: World, version: string) {
  const { moves } = world.registry
  await world.registry.point({ version, expect: moves.length, reason: 'wrong', by: 'rollback' })
  await runToEnd(world, setting)
}

async function send(world: World, ...lines: readonly string[]) {
  world.streams.get('s')!.push(...lines)
  await runToEnd(world, setting)
}

/** The sums in the checkpoint. */
function sumsIn(world: World) {
  const { weights } = new Checkpoint(world.store, { snapshots: 50 }).load()!
  const trainable = openOn(planFor(weights.head))
  trainable.restore(weights)
  const { digest, examples } = trainable.sums!()!
  return { digest, examples, head: weights.head }
}

/** The sums of a run that has seen these lessons alone. */
function sumsOf(said: Iterable<TaughtLesson>, head: Head) {
  const trainable = openOn(planFor(head))
  for (const { text, label } of said) {
    const latent = tinyLatent(tinyBase.encode({ kind: 'text', text }, 8))
    trainable.step([{ latent, target: labelled(label), weight: 1 }])
  }
  const { digest, examples } = trainable.sums!()!
  return { digest, examples, head }
}

const newest = (world: World) => [...world.registry.versions.keys()].at(-1)!

/** The versions that the live one continues. */
function ancestryOf({ registry }: World): readonly string[] {
  const found: string[] = []
  for (let version: string | null = registry.moves.at(-1)!.live.version; version !== null;) {
    found.push(version)
    version = registry.versions.get(version)!.manifest.parent
  }
  return found
}

const words = ['good', 'fine', 'awful', 'bad', 'warm', 'cold', 'red', 'blue']
const labels = ['yes', 'no']

describe('exact sums', () => {
  test('a correction, a rollback and fifty retractions leave what a run has that never saw them', async () => {
    const world = openWorld({ s: [] })
    const said = new Map<string, TaughtLesson>()
    for (let at = 0; at < 63; at += 1)
      said.set(`k${at}`, {
        text: `${words[at % 8]} ${words[(at * 5) % 7]}`,
        label: labels[at % 2]!,
      })
    await send(world, ...[...said].slice(0, 60).map(([id, own]) => lesson(id, own)))
    const before = newest(world)
    await send(world, ...[...said].slice(60).map(([id, own]) => lesson(id, own)))
    await send(world, lesson('k59', { text: 'warm cold', label: 'no' }))
    expect(newest(world)).not.toBe(before)
    await rollback(world, before)
    const ids = [...said.keys()].slice(0, 60)
    await send(world, ...ids.slice(10).map(retraction))
    await send(
      world,
      ...['a', 'b', 'c', 'd'].map((id) => lesson(id, { text: 'blue', label: 'no' })),
    )
    const rest = [...ids.slice(0, 10).map((id) => said.get(id)!)]
    const own = Array.from({ length: 4 }, () => ({ text: 'blue', label: 'no' }))
    const found = sumsIn(world)
    expect(found).toEqual(sumsOf([...rest, ...own], found.head))
    expect(found.examples).toBe(14)
  })

  test.each(Array.from({ length: runs(4) }, (_, at) => at + 1))(
    'whatever is corrected, retracted and gone back from, they are those of a run that never saw what was taken out (seed %i)',
    async (seed) => {
      const random = openRandom(seed, 'undo')
      /** Then versions that a rollback has left are not gone back to. */
      const areAbout = seed % 2 === 0
      const draw = <Item>(items: readonly Item[]) => items[random.below(items.length)]!
      const world = openWorld({ s: [] })
      for (const text of words) {
        const input = { kind: 'text', text } as const
        world.predictions.set(`p-${text}`, {
          ...{ id: `p-${text}`, input, version: 'v0', answer: 'no', timeMs: 0 },
        })
      }
      /** What is in the sums, what waits, and what each version was made from. */
      let [learned, pending] = [new Map<string, TaughtLesson>(), new Map<string, TaughtLesson>()]
      const made = new Map<string, ReadonlyMap<string, TaughtLesson>>()
      const gone = new Set<string>()
      let count = 0
      let last = ''
      const history: string[] = []
      const note = () => {
        for (const version of world.registry.versions.keys()) {
          if (made.has(version)) continue
          for (const [id, said] of pending) learned.set(id, said)
          pending = new Map()
          made.set(version, new Map(learned))
        }
      }
      await send(world)
      note()
      for (let step = 0; step < 50; step += 1) {
        const dice = random.uniform()
        const known = [...new Set([...learned.keys(), ...pending.keys()])]
        if (dice < 0.6 || known.length === 0) {
          const isNew = random.uniform() < 0.6 || known.length === 0
          const id = isNew ? `k${(count += 1)}` : draw(known)
          const isAbout = areAbout && isNew && random.uniform() < 0.4
          const text = isAbout ? draw(words) : `${draw(words)} ${draw(words)} ${step}`
          const about = isAbout ? { about: `p-${text}` } : {}
          const said: TaughtLesson = { text, label: draw(labels), ...about }
          for (const all of [learned, pending])
            for (const [each, other] of all)
              if (isAbout && other.about === said.about) all.delete(each)
          learned.delete(id)
          pending.set(id, said)
          last = `teach ${id}`
          await send(world, lesson(id, said))
        } else if (dice < 0.8) {
          const id = draw(known)
          gone.add(id)
          learned.delete(id)
          pending.delete(id)
          last = `retract ${id}`
          await send(world, retraction(id))
        } else {
          const version = draw(areAbout ? ancestryOf(world) : [...made.keys()])
          learned = new Map([...made.get(version)!].filter(([id]) => !gone.has(id)))
          pending = new Map()
          last = `go to ${version}`
          await rollback(world, version)
        }
        history.push(`${step}: ${last}`)
        note()
        const found = sumsIn(world)
        expect(found, history.join('\n')).toEqual(sumsOf(learned.values(), found.head))
      }
    },
  )
})

test('a receipt says whether what was retracted is still in the weights', async () => {
  const path = join(scratchFolder(), 'state.db')
  const kept = async (own: Setting) => {
    const world = openWorld({ s: [] })
    const store = openStore(path, { migrations: checkpointMigrations })
    const there = { ...world, store }
    const lessons = words.slice(0, 4).map((text, at) => lesson(`k${at}`, { text, label: 'yes' }))
    there.streams.get('s')!.push(...lessons, retraction('k1'))
    await runToEnd(there, own)
    const reader = openReceiptReader(path, 100)
    const found = await reader.find({ source: 's', id: 'k1' })
    reader.close()
    store.close()
    rmSync(path)
    return found
  }
  expect(await kept(setting)).toEqual({ state: 'retracted', version: 'v1' })
  // Gradients have nothing to subtract.
  expect(await kept({ every: 4 })).toMatchObject({ state: 'retracted', isKept: true })
})
