/** The reservoir of held-out examples: drawn by hashes, bounded, even over strata, and equal after a restart. */
import { describe, expect, test } from 'vitest'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { HeldTable } from '../../src/checkpoint/tables/held.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import type { Promotion, PromotionFacts } from '../../src/contracts/release.ts'
import type { Example } from '../../src/contracts/example.ts'
import { HeldOut } from '../../src/evaluation/held-out.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { identified } from '../example-key.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { event, labelled, lessons } from '../trainer/events.ts'
import { finalState } from '../trainer/final-state.ts'
import { TinyTrainable } from '../trainer/tiny.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'

const task = classificationOf()
const openHeldOut = (limits = {}) =>
  new HeldOut(task, { share: 0.3, rows: 10, bytes: 1e6, ...limits })

function example(at: number, label = 'yes', predictionId?: string): Example {
  return {
    ...identified('desk', `e-${at}`),
    encoded: { data: Float32Array.of(at, 1) },
    target: { kind: 'label', label },
    weight: 1,
    ...(predictionId !== undefined && { predictionId }),
  }
}

const examples = (count: number, label?: string, from = 0) =>
  Array.from({ length: count }, (_, at) => example(from + at, label))
const labelOf = ({ target }: Example) => (target as LabelTarget).label
const keysOf = (rows: readonly Example[]) => rows.map(({ key }) => key)

describe('the reservoir', () => {
  test('takes about its share, always the same examples, and none at a share of 0', () => {
    const all = examples(2000)
    const taken = all.filter((each) => openHeldOut().takes(each))
    expect(taken.length).toBeGreaterThan(540)
    expect(taken.length).toBeLessThan(660)
    expect(all.filter((each) => openHeldOut().takes(each))).toEqual(taken)
    // A larger share takes the same ones, and others besides.
    const more = new Set(all.filter((each) => openHeldOut({ share: 0.5 }).takes(each)))
    expect(taken.every((each) => more.has(each))).toBe(true)
    expect(all.some((each) => openHeldOut({ share: 0 }).takes(each))).toBe(false)
  })

  test('takes all feedback about one prediction, or none of it', () => {
    const heldOut = openHeldOut()
    for (let prediction = 0; prediction < 50; prediction += 1) {
      const about = [1, 2, 3].map((at) => example(at, 'yes', `p-${prediction}`))
      expect(new Set(about.map((each) => heldOut.takes(each))).size).toBe(1)
    }
  })

  test('is full of rare strata as of frequent ones, in whatever order they come', () => {
    const all = [...examples(200, 'yes'), ...examples(6, 'no', 1000)]
    const heldOut = openHeldOut()
    for (const each of all) heldOut.offer(each)
    expect(heldOut.size).toBe(10)
    const rare = heldOut.rows.filter((each) => labelOf(each) === 'no')
    expect(rare.length).toBeGreaterThanOrEqual(5)
    const other = openHeldOut()
    for (const each of all.toReversed()) other.offer(each)
    expect(other.rows).toEqual(heldOut.rows)
  })

  test('is bounded in bytes', () => {
    const heldOut = openHeldOut({ rows: 1000, bytes: 600 })
    for (const each of examples(50)) heldOut.offer(each)
    expect(heldOut.size).toBeGreaterThan(1)
    expect(heldOut.size).toBeLessThan(10)
    heldOut.offer({
      ...example(99),
      encoded: { data: new Float32Array(1000) },
    })
    expect(keysOf(heldOut.rows)).not.toContain(example(99).key)
  })

  test('replaces an example with the same key, and forgets what is taken back', () => {
    const heldOut = openHeldOut()
    for (const each of examples(3)) heldOut.offer(each)
    heldOut.offer(example(1, 'no'))
    heldOut.offer(example(7, 'no', 'p-1'))
    expect(heldOut.size).toBe(4)
    expect(heldOut.about('p-1')).toEqual([example(7).key])
    expect(heldOut.about(undefined)).toEqual([])
    heldOut.remove([example(0).key, example(7).key, example(50).key])
    expect(keysOf(heldOut.rows).toSorted()).toEqual([example(1).key, example(2).key])
    expect(heldOut.rows.map(labelOf)).toContain('no')
  })

  test('is the same when it is written and read, after every change', () => {
    const store = openStore(':memory:', { migrations: checkpointMigrations })
    const [table, heldOut, again] = [new HeldTable(store), openHeldOut(), openHeldOut()]
    for (let at = 0; at < 60; at += 1) {
      if (at % 5 === 4) heldOut.remove([example(at - 2).key])
      else heldOut.offer(example(at % 40, at % 3 === 0 ? 'no' : 'yes'))
      const held = { waiting: [], setAside: [], heldOut: heldOut.snapshot() }
      table.write(held)
      // Again, as after a save that may or may not have been done.
      if (at % 7 === 0) {
        table.forget()
        table.write(held)
      }
      table.saved()
      again.restore(new HeldTable(store).load().heldOut)
      expect(again.rows).toEqual(heldOut.rows)
    }
    store.close()
  })
})

const setting: Setting = {
  every: 4,
  capacity: 200,
  limits: { heldOut: { share: 0.3, rows: 30, bytes: 1e6 } },
}
const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const heldIn = (world: World) => keysOf(savedIn(world).heldOut ?? [])

/** Hands what was compared to a test, and how many rows went forward. */
function watching() {
  const seen: PromotionFacts[] = []
  const scored: string[] = []
  const learned: number[] = []
  const openTrainable: Setting['openTrainable'] = (start) => {
    const trainable = new TinyTrainable(start)
    const [score, step] = [trainable.score.bind(trainable), trainable.step.bind(trainable)]
    trainable.score = (rows) => {
      scored.push(...rows.map(({ data }) => data.join()))
      return score(rows)
    }
    trainable.step = (rows) => {
      learned.push(...rows.filter(({ isReplayed }) => isReplayed !== true).map(() => 1))
      return step(rows)
    }
    return trainable
  }
  /** Rows that went forward between two decisions. */
  const forward: number[] = []
  const promotion: Promotion = {
    decide(facts) {
      seen.push(facts)
      const { rows } = facts
      forward.push(scored.splice(0).length)
      return { verdict: 'promote', reason: `${rows} rows` }
    },
  }
  return { seen, forward, learned, openTrainable, promotion }
}

describe('a trainer', () => {
  test('learns and replays no held-out example, and scores each', async () => {
    const world = openWorld({ s: lessons(60) })
    const { learned, openTrainable } = watching()
    const { counts, pending, prequential } = await runToEnd(world, { ...setting, openTrainable })
    const { remembered, pending: waiting, heldOut = [] } = savedIn(world)
    expect(heldOut.length).toBeGreaterThan(8)
    expect(counts).toMatchObject({ accepted: 60, held_out: heldOut.length })
    expect(counts.learned + pending).toBe(60 - heldOut.length)
    expect(learned).toHaveLength(counts.learned)
    const taught = new Set(keysOf([...remembered, ...waiting]))
    expect(taught.size).toBe(60 - heldOut.length)
    expect(heldOut.filter(({ key }) => taught.has(key))).toEqual([])
    expect(prequential.count + counts.unanswered!).toBe(60 - pending)
  })

  test('compares a candidate and the live version on the same held-out rows', async () => {
    const world = openWorld({ s: lessons(60) })
    const { seen, forward, ...watched } = watching()
    await runToEnd(world, { ...setting, ...watched })
    expect(seen.length).toBeGreaterThan(6)
    for (const [at, { from, rows, candidate, live, outcomes }] of seen.entries()) {
      if (at < 2) continue
      expect(from).toBe('held-out')
      expect([candidate.count, live!.count]).toEqual([rows, rows])
      const paired = outcomes!.filter((row) => row.isFresh && row.live !== undefined)
      expect(paired).toHaveLength(rows)
      // A row that the live version has answered before is not computed again for it.
      expect(forward[at]).toBeLessThan(2 * rows)
      expect(candidate.loss).not.toBe(live!.loss)
    }
  })

  test('holds nothing out at a share of 0', async () => {
    const none = { heldOut: { share: 0, rows: 30, bytes: 1e6 } }
    const [world, before] = [openWorld({ s: lessons(30) }), openWorld({ s: lessons(30) })]
    const { counts } = await runToEnd(world, { ...setting, limits: none })
    await runToEnd(before, { ...setting, limits: {} })
    expect(counts).not.toHaveProperty('held_out')
    expect(finalState(world)).toEqual(finalState(before))
    expect(world.store.all(`SELECT * FROM held WHERE state = 'held_out'`)).toEqual([])
  })

  test('forgets what is taken back, and replaces what is superseded', async () => {
    const world = openWorld({ s: lessons(40) })
    await runToEnd(world, setting)
    const [first, second, ...others] = (savedIn(world).heldOut ?? []).map(({ id }) => id)
    world.streams
      .get('s')!
      .push(event({ id: first }), labelled(second!, Number(second!.slice(2)) % 2 !== 0))
    const { counts } = await runToEnd(world, setting)
    const { heldOut = [], remembered } = savedIn(world)
    expect(counts.held_out).toBe(others.length + 1)
    expect(heldOut.map(({ id }) => id).toSorted()).toEqual([second!, ...others].toSorted())
    expect(heldOut.find(({ id }) => id === second)!.target).toEqual({
      kind: 'label',
      label: Number(second!.slice(2)) % 2 === 0 ? 'no' : 'yes',
    })
    expect(remembered.some(({ id }) => id === first || id === second)).toBe(false)
  })

  test('never learns them after a rollback either, also when they are sent again', async () => {
    const world = openWorld({ s: lessons(40) })
    await runToEnd(world, setting)
    const held = heldIn(world)
    const moves = world.registry.moves.length
    await world.registry.point({ version: 'v1', expect: moves, reason: 'r', by: 'rollback' })
    world.streams.get('s')!.push(...lessons(40))
    await runToEnd(world, setting)
    const { remembered, pending, setAside } = savedIn(world)
    expect(heldIn(world)).toEqual(held)
    const others = new Set([
      ...keysOf([...remembered, ...pending]),
      ...setAside.map(({ key }) => key),
    ])
    expect(held.filter((key) => others.has(key))).toEqual([])
  })

  test('is the same after a crash at any effect', async () => {
    const small = { ...setting, limits: { heldOut: { share: 0.4, rows: 5, bytes: 1e6 } } }
    const stream = () => ({
      s: [
        ...lessons(20),
        event({ id: 'e-3' }),
        event({ id: 'e-4' }),
        labelled('e-6', false),
        ...lessons(6, 30),
      ],
    })
    const reference = openWorld(stream())
    // The scores of a version that was gone back to are those at its publication, whenever there were saves.
    const gates = (): Setting => ({
      ...small,
      promotion: watching().promotion,
      rollback: {
        decide: ({ version }) => ({ verdict: version === 'v2' ? 'rollback' : 'keep', reason: 'r' }),
        snapshot: () => null,
        restore: () => {},
      },
    })
    await runToEnd(reference, gates())
    expect(reference.registry.moves.some(({ by }) => by === 'policy')).toBe(true)
    expect(heldIn(reference)).toHaveLength(5)
    for (let instant = 1; ; instant += 1) {
      const world = openWorld(stream())
      let effects = 0
      const chaos = () => {
        if ((effects += 1) === instant) throw new Crash(`${instant}`)
      }
      const survived = await runToEnd(world, { ...gates(), chaos }).then(
        () => true,
        () => false,
      )
      if (!survived) await runToEnd(world, gates())
      expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
      if (survived) break
    }
  }, 60_000)

  test('lets go of them when the share is 0 again', async () => {
    const world = openWorld({ s: lessons(30) })
    await runToEnd(world, setting)
    world.streams.get('s')!.push(...lessons(4, 50))
    await runToEnd(world, { ...setting, limits: {} })
    expect(heldIn(world)).toEqual([])
  })
})
