/** Who moves the live pointer while a trainer runs, or while it is dead, and where the trainer goes on then. */
import { setImmediate as nextTick } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/contracts/core.ts'
import type { Promotion, Rollback } from '../../src/contracts/release.ts'
import type { Mover } from '../../src/versions/contract.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { leaveRecovery } from '../../src/checkpoint/recovery.ts'
import { packTensors } from '../../src/checkpoint/tables/states.ts'
import { event, labelled, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { tinyBase } from './tiny.ts'
import {
  Crash,
  instantClock,
  openWorld,
  runToEnd,
  startIn,
  type Setting,
  type World,
} from './world.ts'

const setting: Setting = { every: 4 }

async function move(world: World, version: string, by: Mover = 'rollback') {
  const expect = world.registry.moves.length
  return world.registry.point({ version, expect, reason: 'by a person', by })
}

const blobOf = (world: World, version: string) =>
  packTensors(world.registry.versions.get(version)!.parameters).blob

function saved(world: World) {
  return new Checkpoint(world.store, { snapshots: 9 }).load()!
}

const movesOf = (world: World) =>
  world.registry.moves.map(({ live: { version }, by }) => `${version} ${by}`)

describe('several moves in a row', () => {
  /** v1 to v3 were made, and moves are made at the time of a clock that stands still. */
  const restless = async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, setting)
    let nowMs = 1000
    const clock: Clock = { ...instantClock, nowMs: () => nowMs }
    const { registry } = world
    const live = async () => ({ ...registry.moves.at(-1)!, sinceMs: 1000 })
    const running = startIn(world, { ...setting, clock, registry: { ...registry, live } })
    await running.readAll()
    const settle = async () => {
      nowMs += 500
      await until(() => saved(world).progress.generation === registry.moves.length)
    }
    return { world, running, settle }
  }

  test('are followed once, where they end, while there is nothing to learn', async () => {
    const { world, running, settle } = await restless()
    await move(world, 'v1')
    await turns(world, 5)
    await move(world, 'v2')
    await turns(world, 5)
    const { progress, stamp } = saved(world)
    expect(progress).toMatchObject({ parent: 'v3' })
    await settle()
    expect(saved(world).progress).toMatchObject({ parent: 'v2' })
    await running.stop()
    // It went back, and then had read all that was there.
    expect(saved(world).stamp.sequence).toBe(stamp.sequence + 2)
  })

  test('are followed before an event that comes meanwhile is learned', async () => {
    const { world, running } = await restless()
    await move(world, 'v1')
    await turns(world, 5)
    world.streams.get('s')!.push(...lessons(4, 100))
    running.loop.wake()
    await until(() => world.registry.versions.has('v4'))
    await running.stop()
    expect(world.registry.versions.get('v4')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
  })

  async function turns(world: World, count: number): Promise<void> {
    const enough = world.reads + count
    await until(() => world.reads >= enough)
  }

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await nextTick()
  }
})

describe('a rollback by a person', () => {
  test('puts weights, optimizer, memory and chance back to where they were', async () => {
    const reference = openWorld({ s: lessons(8) })
    await runToEnd(reference, setting)
    const world = openWorld({ s: lessons(8) })
    const running = startIn(world, setting)
    await running.readAll()
    world.streams.get('s')!.push(...lessons(12, 8))
    await running.readAll()
    await move(world, 'v2')
    await running.readAll()
    await running.stop()
    const [now, then] = [saved(world), saved(reference)]
    expect(now.weights).toEqual(then.weights)
    expect(now.learnerState).toEqual(then.learnerState)
    expect(now.remembered).toEqual(then.remembered)
    expect(now.progress).toMatchObject({ parent: 'v2', next: 6, learned: 20 })
  })

  test('what came since is not learned again; the stream goes on from here', async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, setting)
    await move(world, 'v1')
    world.streams.get('s')!.push(...lessons(4), ...lessons(4, 100))
    const status = await runToEnd(world, setting)
    expect(status.counts).toMatchObject({ accepted: 16, duplicates: 4, learned: 16 })
    expect(world.registry.versions.get('v4')?.manifest).toMatchObject({
      parent: 'v1',
      events: 8,
      events_new: 4,
      span: { s: { '0': ['12', '20'] } },
    })
    expect(movesOf(world).slice(-2)).toEqual(['v1 rollback', 'v4 trainer'])
  })

  test('what was pending stays pending after a promotion, and is learned on that version', async () => {
    const world = openWorld({ s: lessons(10) })
    await runToEnd(world, setting)
    await move(world, 'v1', 'promote')
    expect((await runToEnd(world, setting)).pending).toBe(2)
    world.streams.get('s')!.push(...lessons(2, 10))
    const status = await runToEnd(world, setting)
    expect(status.counts.learned).toBe(12)
    expect(world.registry.versions.get('v3')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
  })

  test('takes back labels that came later, and learns them anew when they come again', async () => {
    const open = { ...setting, labels: { open: true, known: [], limit: 5 } }
    const third = (from: number) =>
      Array.from({ length: 4 }, (_, at) =>
        event({ id: `m-${from + at}`, text: 'odd', label: 'maybe' }),
      )
    const world = openWorld({ s: [...lessons(4), ...third(0)] })
    expect((await runToEnd(world, open)).head).toEqual(['yes', 'no', 'maybe'])
    await move(world, 'v1')
    expect((await runToEnd(world, open)).head).toEqual(['yes', 'no'])
    world.streams.get('s')!.push(...third(4))
    expect((await runToEnd(world, open)).head).toEqual(['yes', 'no', 'maybe'])
  })

  test('to a version whose snapshot is no longer kept takes its weights alone', async () => {
    const world = openWorld({ s: lessons(24) })
    await runToEnd(world, { ...setting, keepVersions: 2 })
    await move(world, 'v1')
    await runToEnd(world, { ...setting, keepVersions: 2 })
    const { weights, remembered } = saved(world)
    const parameters = new Map([...weights.tensors].filter(([name]) => name.startsWith('head.')))
    expect(packTensors(parameters).blob).toEqual(blobOf(world, 'v1'))
    expect(weights.steps).toBe(0)
    // Nobody knows what of it that version had learned.
    expect(remembered).toEqual([])
  })

  test('a promotion of a held candidate is followed in the same way', async () => {
    const world = openWorld({ s: lessons(12) })
    const hold: Promotion = { decide: () => ({ verdict: 'hold', reason: 'no' }) }
    await runToEnd(world, { ...setting, promotion: hold })
    expect(movesOf(world)).toEqual(['v0 start'])
    await move(world, 'v2', 'promote')
    await runToEnd(world, { ...setting, promotion: hold })
    expect(saved(world)).toMatchObject({ progress: { parent: 'v2' }, learnerState: { learned: 8 } })
  })
})

describe('a race for the pointer', () => {
  /** A person rolls back in the moment before the trainer's own move number `at`. */
  function rollbackBefore(world: World, at: number): Setting {
    let points = 0
    const chaos = (effect: string) => {
      if (effect !== 'point' || (points += 1) !== 2 * at - 1) return
      const before = world.registry.moves.at(-1)!
      world.registry.moves.push({
        ...before,
        live: { ...before.live, version: 'v1' },
        generation: before.generation + 1,
        by: 'rollback',
      })
    }
    return { ...setting, chaos }
  }

  test('the person wins: the candidate stays published and the learner goes on from theirs', async () => {
    const world = openWorld({ s: lessons(16) })
    await runToEnd(world, rollbackBefore(world, 4))
    expect(movesOf(world)).toEqual([
      'v0 start',
      'v1 trainer',
      'v2 trainer',
      'v1 rollback',
      'v4 trainer',
    ])
    expect(world.registry.versions.get('v3')?.manifest.parent).toBe('v2')
    expect(world.registry.versions.get('v4')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
  })

  test('the same, when the person rolled back while the trainer was dead', async () => {
    const world = openWorld({ s: lessons(12) })
    let points = 0
    const dies = runToEnd(world, {
      ...setting,
      chaos(effect) {
        if (effect === 'point' && (points += 1) === 7) throw new Crash('before the move to v3')
      },
    })
    await expect(dies).rejects.toThrow(Crash)
    expect(saved(world).progress).toMatchObject({ parent: 'v3', intended: [{ version: 'v3' }] })
    await move(world, 'v1')
    await runToEnd(world, setting)
    expect(movesOf(world).at(-1)).toBe('v1 rollback')
    expect(saved(world).progress).toMatchObject({ parent: 'v1', intended: [], next: 4 })
  })

  test('a move that was done just before a crash is not mistaken for somebody else’s', async () => {
    const world = openWorld({ s: lessons(8) })
    let points = 0
    const dies = runToEnd(world, {
      ...setting,
      chaos(effect) {
        if (effect === 'point' && (points += 1) === 4) throw new Crash('after the move to v1')
      },
    })
    await expect(dies).rejects.toThrow(Crash)
    await runToEnd(world, setting)
    const reference = openWorld({ s: lessons(8) })
    await runToEnd(reference, setting)
    expect(finalState(world)).toEqual(finalState(reference))
  })

  test('a name taken by a candidate that never was live is passed over', async () => {
    const world = openWorld({ s: lessons(12) })
    let saves = 0
    const dies = runToEnd(world, {
      ...setting,
      chaos(effect) {
        if (effect === 'publish') saves += 1
        if (effect === 'checkpoint' && saves === 8) throw new Crash('v3 is published, not saved')
      },
    })
    await expect(dies).rejects.toThrow(Crash)
    // The second half of the stream is learned from another version than before the crash.
    await move(world, 'v1')
    await runToEnd(world, setting)
    expect([...world.registry.versions.keys()]).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
    expect(world.registry.versions.get('v4')?.manifest.parent).toBe('v1')
  })
})

describe('a rollback by policy', () => {
  /** Wants to go back at the block that makes `count` examples, once. */
  function backAt(count: number): Rollback {
    return {
      decide: ({ line, version }) =>
        line.count === count && version !== 'v1'
          ? { verdict: 'rollback', reason: `${version} is bad` }
          : { verdict: 'keep', reason: 'fine' },
      snapshot: () => null,
      restore: () => {},
    }
  }

  test('goes back to the version before and learns the next block there', async () => {
    const world = openWorld({ s: lessons(16) })
    await runToEnd(world, { ...setting, rollback: backAt(8) })
    expect(movesOf(world)).toEqual([
      'v0 start',
      'v1 trainer',
      'v2 trainer',
      'v1 policy',
      'v3 trainer',
    ])
    expect(world.registry.moves.at(-2)?.reason).toBe('v2 is bad')
    expect(world.registry.versions.get('v3')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
    expect(saved(world).learnerState.scoreboard.count).toBe(4)
  })

  test('a crash between the two moves ends in the same place', async () => {
    const reference = openWorld({ s: lessons(16) })
    await runToEnd(reference, { ...setting, rollback: backAt(8) })
    for (const instant of [7, 8, 9, 10]) {
      const world = openWorld({ s: lessons(16) })
      let points = 0
      const dies = runToEnd(world, {
        ...setting,
        rollback: backAt(8),
        chaos(effect) {
          if (effect === 'point' && (points += 1) === instant) throw new Crash(`${instant}`)
        },
      })
      await expect(dies).rejects.toThrow(Crash)
      await runToEnd(world, { ...setting, rollback: backAt(8) })
      expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
    }
  })

  test('never goes to a version of a predecessor that had the records in another order', async () => {
    const predecessor = openWorld({ s: lessons(12) })
    await runToEnd(predecessor, setting)
    // All that was copied is the beginning.
    const copied = openWorld({ s: [] })
    await runToEnd(copied, setting)
    // Another order gives other weights: first all of one label.
    const sorted = [0, 2, 4, 6, 1, 3, 5, 7].map((at) => lessons(8)[at]!)
    copied.streams.get('s')!.push(...sorted, ...lessons(4, 8))
    const successor = { ...copied, registry: predecessor.registry }
    await runToEnd(successor, { ...setting, rollback: backAt(4) })
    expect(movesOf(successor).slice(3)).toEqual([
      'v3 trainer',
      'v4 trainer',
      'v0 policy',
      'v5 trainer',
    ])
    expect(successor.registry.versions.get('v5')?.manifest).toMatchObject({
      parent: 'v0',
      events: 4,
    })
  })

  test('has nowhere to go before the second version, and goes on', async () => {
    const world = openWorld({ s: lessons(4) })
    const always: Rollback = {
      decide: () => ({ verdict: 'rollback', reason: 'always' }),
      snapshot: () => null,
      restore: () => {},
    }
    await runToEnd(world, { ...setting, rollback: always })
    expect(movesOf(world)).toEqual(['v0 start', 'v1 trainer'])
  })
})

describe('how a trainer begins', () => {
  test('a state of another base or task is refused by name', async () => {
    const world = openWorld({ s: lessons(4) })
    await runToEnd(world, setting)
    const status = await runToEnd(world, {
      ...setting,
      base: { ...tinyBase, hash: 'f'.repeat(64) },
    })
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_FOREIGN' })
    expect(status.message).toContain('base')
  })

  test('another adapter begins anew, keeps the memory, and its versions go on rising', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    world.streams.get('s')!.push(...lessons(4, 8))
    const adapter = { method: 'head', rank: 2, alpha: 1, tail_layers: 0 } as const
    await runToEnd(world, { ...setting, adapter })
    // It was taught by the memory before it answered, and goes on with the stream.
    const [fresh, next] = ['v3', 'v4'].map((name) => world.registry.versions.get(name)!.manifest)
    expect(fresh).toMatchObject({ parent: null, events: 8, adapter })
    expect(next).toMatchObject({ parent: 'v3', events: 12, adapter })
    expect(saved(world).remembered).toHaveLength(10)
    // Back to a version of the old adapter: its tensors do not fit, so that a fresh one begins again.
    await move(world, 'v2')
    await runToEnd(world, { ...setting, adapter })
    expect(saved(world)).toMatchObject({ progress: { parent: 'v2' }, weights: { steps: 0 } })
  })

  test('without its checkpoint it stops and learns nothing again', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    const without: World = { ...openWorld({ s: lessons(8) }), registry: world.registry }
    const moves = movesOf(world)
    const status = await runToEnd(without, setting)
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_MISSING' })
    expect(movesOf(world)).toEqual(moves)
    expect(without.reads).toBe(0)
  })

  test('without a checkpoint it goes on from what a person made live, under a new name', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    world.registry.moves.splice(0)
    await move(world, 'v2')
    const without: World = { ...openWorld({ s: lessons(4, 50) }), registry: world.registry }
    await runToEnd(without, setting)
    expect(movesOf(world)).toEqual(['v2 rollback', 'v3 trainer'])
    expect(world.registry.versions.get('v3')?.manifest.parent).toBe('v2')
  })

  test('a recovery from a version goes on where that ended, under a name that never was', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    const without: World = { ...openWorld({ s: lessons(12) }), registry: world.registry }
    const { store } = without
    leaveRecovery(store, { from: 'version', version: 'v2', next: 7, reason: 'state.db is missing' })
    const put = 'INSERT INTO positions (source, partition, next) VALUES (?, ?, ?)'
    store.run(put, 's', '0', '8')
    await runToEnd(without, setting)
    const made = world.registry.versions.get('v7')
    expect(made?.manifest).toMatchObject({ parent: 'v2', span: { s: { '0': ['8', '12'] } } })
    expect(saved(without).positions).toEqual({ s: { '0': '12' } })
    // It was followed once.
    const status = await runToEnd(without, setting)
    expect(status).toMatchObject({ counts: { learned: 4 } })
  })

  test('a recovery of damaged weights takes them from a version and keeps all else', async () => {
    const world = openWorld({ s: lessons(10) })
    await runToEnd(world, setting)
    const before = saved(world)
    const { store } = world
    store.run(`UPDATE weights SET tensors = zeroblob(length(tensors))`)
    expect(await runToEnd(world, setting)).toMatchObject({ state: 'failed', code: 'STORE_CORRUPT' })
    leaveRecovery(store, { from: 'weights', version: 'v2', next: 3, reason: 'damaged' })
    expect(await runToEnd(world, setting)).toMatchObject({ state: 'stopped', pending: 2 })
    const { weights, pending, remembered, positions } = saved(world)
    for (const name of ['head.weight', 'head.bias'])
      expect(weights.tensors.get(name)).toEqual(before.weights.tensors.get(name))
    expect({ pending, remembered, positions }).toEqual({
      pending: before.pending,
      remembered: before.remembered,
      positions: before.positions,
    })
  })

  test('back to a version whose state is damaged in the checkpoint: its weights alone', async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, setting)
    const state = `(SELECT state FROM snapshots WHERE version = 'v1')`
    const own = `id = (SELECT weights FROM states WHERE id = ${state})`
    world.store.run(`UPDATE weights SET tensors = zeroblob(length(tensors)) WHERE ${own}`)
    await move(world, 'v1')
    expect(await runToEnd(world, setting)).toMatchObject({ state: 'stopped' })
    const { weights, progress } = saved(world)
    expect(progress.parent).toBe('v1')
    const { parameters } = world.registry.versions.get('v1')!
    expect(weights.tensors.get('head.weight')).toEqual(parameters.get('head.weight'))
  })

  test('a recovery of a live version publishes the weights of the checkpoint again', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    const before = saved(world).weights.tensors
    leaveRecovery(world.store, { from: 'publish', version: 'v1', next: 9, reason: 'v2 is torn' })
    await runToEnd(world, setting)
    expect(movesOf(world).at(-1)).toBe('v9 trainer')
    expect(world.registry.versions.get('v9')?.manifest.reason).toBe('v2 is torn')
    expect(saved(world).weights.tensors).toEqual(before)
  })

  test('when the registry has lost its pointer, the version of the learner is live again', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, setting)
    world.registry.moves.length = 0
    world.streams.get('s')!.push(labelled('one more', true))
    await runToEnd(world, setting)
    expect(movesOf(world)).toEqual(['v2 start'])
  })
})
