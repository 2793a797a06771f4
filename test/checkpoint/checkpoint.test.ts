import { asKey, identified } from '../example-key.ts'
import { expect, onTestFinished, test } from 'vitest'
import type { Example } from '../../src/contracts/example.ts'
import { Dedupe, hashOf } from '../../src/intake/dedupe/dedupe.ts'
import type { WaitingEvent } from '../../src/intake/join.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Change, CheckpointLimits } from '../../src/checkpoint/saved.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { eventStates } from '../../src/checkpoint/event-log/states.ts'
import { exampleValues, rowSum } from '../../src/checkpoint/tables/rows.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import type { LearnerState } from '../../src/learner/learner-types.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { thrown } from '../coded.ts'

const tokens = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { data: Int32Array.of(1, -2, 3) },
  target: { kind: 'label', label: 'a\0b' },
  weight: 0.5,
  predictionId: 'p\0q',
})
const vector = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { data: Float32Array.of(0.1, -0) },
  target: { kind: 'not', label: 'ä' },
  weight: 1,
  slice: 'eu\0ü',
})

function weights(value: number, steps = 1): Change['weights'] {
  const tensors = new Map([
    ['b', { shape: [2], data: Float32Array.of(value, -value) }],
    ['a', { shape: [1, 2], data: Float32Array.of(value, Number.MIN_VALUE) }],
    ['none', { shape: [4, 0], data: new Float32Array() }],
  ])
  return { head: ['x', 'y'], tensors, steps }
}

function learnerState(learned: number, keys: readonly string[] = []): LearnerState {
  return {
    memory: { replay: { keys }, draw: 'd', offer: 'o', head: [] },
    rate: { since: 2 },
    rollback: null,
    scoreboard: {
      count: 3,
      correct: 1,
      recentCorrect: 0.1 + 0.2,
      recentCount: 2.5,
      lossSum: 1 / 3,
      lossCount: 3,
    },
    learned,
    steps: 1,
    dropped: 0,
  }
}

function change(over: Partial<Change> = {}): Change {
  return {
    identity: { base: 'b', task: 't', adapter: '{}' },
    stamp: { epoch: 3, sequence: 14 },
    progress: {
      accepted: 1,
      duplicates: 2,
      rejected: 3,
      triedAgain: 1,
      learned: 4,
      steps: 5,
      dropped: 6,
      next: 7,
      parent: 'v6',
      generation: 8,
      intended: [{ version: 'v6', reason: 'r', by: 'trainer' }],
      live: { version: 'v5', previous: 'v4' },
      trigger: { policy: { since: 1 }, chance: 'c' },
      turn: 1,
      retired: ['old'],
      spanFrom: { s: { '0': '3' } },
    },
    positions: { s: { '0': '5', '1': '9' } },
    journals: { s: 'j' },
    weights: weights(1),
    learnerState: learnerState(1),
    remembered: [],
    setAside: [],
    waiting: [],
    seen: noIds,
    retracted: { keys: [], predictions: [] },
    protected: [],
    ...over,
  }
}

const noIds = { first: 0, hashes: new Uint8Array() }

function openMemory(limits: CheckpointLimits = { snapshots: 2 }) {
  const store = openStore(':memory:', { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  return { store, checkpoint: new Checkpoint(store, limits) }
}

/** As a process that starts after a crash reads it. */
function reload(store: Store) {
  return new Checkpoint(store, { snapshots: 2 }).load()
}

const count = (store: Store, table: string) =>
  store.get(`SELECT count(*) AS count FROM ${table}`)?.number('count')

test('there is nothing before the first save', () => {
  expect(openMemory().checkpoint.load()).toBeUndefined()
})

test('everything comes back as it was saved, from a file too', () => {
  const path = `${scratchFolder()}/state.db`
  const store = openStore(path, { migrations: checkpointMigrations })
  const saved = change({
    remembered: [tokens('1'), vector('2')],
    waiting: [
      {
        key: asKey('desk\u00005'),
        since: 4,
        event: {
          id: '5',
          source: 'desk',
          predictionId: 'p\0',
          signal: { kind: 'rating', rating: -1 },
          weight: 1,
        },
        received: {
          connector: 's',
          record: {
            partition: '1',
            position: '8',
            next: '9',
            value: Uint8Array.of(0, 255),
            key: Uint8Array.of(7),
            headers: { h: 'ü\0', raw: new Uint8Array([255, 0]) },
            timeMs: 12,
          },
        },
      },
    ],
  })
  new Checkpoint(store, { snapshots: 2 }).save(saved)
  store.close()
  const again = openStore(path, { migrations: checkpointMigrations })
  onTestFinished(() => again.close())
  const { seen: _seen, retracted: _retracted, protected: _protected, ...expected } = saved
  const loaded = reload(again)!
  const inOrder = (examples: readonly Example[]) =>
    examples.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const { memorised, ...rest } = loaded
  expect(memorised).toEqual([])
  expect({ ...rest, remembered: inOrder(loaded.remembered) }).toEqual({ ...expected, pending: [] })
  expect(loaded.weights.tensors.get('a')?.data).toEqual(Float32Array.of(1, Number.MIN_VALUE))
})

test('between updates weights and remembered examples are not written again', () => {
  const { store, checkpoint } = openMemory()
  const first = change({ remembered: [tokens('1')] })
  checkpoint.save(first)
  store.run(`CREATE TRIGGER no_state BEFORE INSERT ON states BEGIN SELECT RAISE(ABORT, 'no'); END`)
  store.run(
    `CREATE TRIGGER no_memory BEFORE INSERT ON remembered BEGIN SELECT RAISE(ABORT, 'no'); END`,
  )
  checkpoint.save({ ...first, positions: { s: { '0': '6', '1': '9' } } })
  expect(reload(store)).toMatchObject({ positions: { s: { '0': '6', '1': '9' } } })
  expect(() => checkpoint.save({ ...first, weights: weights(2) })).toThrow()
})

test('a position that went to another source is no longer under the earlier name, also after a restart', () => {
  const { store, checkpoint } = openMemory()
  const first = change()
  checkpoint.save(first)
  const moved = { s: { '1': '9' }, t: { '0': '5' } }
  checkpoint.save({ ...first, positions: moved })
  expect(reload(store)?.positions).toEqual(moved)
  const next = new Checkpoint(store, { snapshots: 2 })
  next.save({ ...first, positions: { t: { '0': '5', '1': '9' } } })
  expect(reload(store)?.positions).toEqual({ t: { '0': '5', '1': '9' } })
})

test('a save that ends at any of its statements leaves positions and learner as they were before', () => {
  const store = openStore(':memory:', { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  const before = change()
  new Checkpoint(store, { snapshots: 2 }).save(before)
  const after = change({
    positions: { s: { '0': '6', '1': '11' } },
    weights: weights(2, 2),
    learnerState: learnerState(2, ['desk\u00003']),
    remembered: [tokens('3')],
    seen: { first: 0, hashes: hashOf(asKey('desk\u00003')) },
  })
  let statements = 0
  for (let ends = 0; ; ends += 1) {
    statements = 0
    const dying: Store = {
      ...bound(store),
      run(sql, ...values) {
        if (statements === ends) throw new Error('the process died here')
        statements += 1
        return store.run(sql, ...values)
      },
    }
    const checkpoint = new Checkpoint(dying, { snapshots: 2 })
    checkpoint.load()
    try {
      checkpoint.save(after)
      break
    } catch (error) {
      expect(error).toHaveProperty('message', 'the process died here')
    }
    const found = reload(store)
    expect({ ends, positions: found?.positions, weights: found?.weights }).toEqual({
      ends,
      positions: before.positions,
      weights: before.weights,
    })
  }
  expect(statements).toBeGreaterThan(4)
  expect(reload(store)).toMatchObject({ positions: after.positions, weights: after.weights })
})

function bound(store: Store): Store {
  return {
    path: store.path,
    run: store.run.bind(store),
    all: store.all.bind(store),
    get: store.get.bind(store),
    transaction: store.transaction.bind(store),
    compact: store.compact.bind(store),
    close: store.close.bind(store),
  }
}

test('a transaction that fails leaves nothing behind, and the next one writes it all', () => {
  const { store, checkpoint } = openMemory()
  checkpoint.save(change({ seen: { first: 0, hashes: hashOf(asKey('a')) } }))
  const before = reload(store)
  const next = change({
    weights: weights(9),
    learnerState: learnerState(2),
    remembered: [vector('2')],
    seen: { first: 1, hashes: hashOf(asKey('b')) },
    snapshot: { version: 'v9', line: [] },
  })
  store.run(`CREATE TRIGGER full BEFORE INSERT ON snapshots BEGIN SELECT RAISE(ABORT, 'full'); END`)
  expect(thrown(() => checkpoint.save(next)).code).toBe('STORE_FAILED')
  expect(reload(store)).toEqual(before)
  expect(checkpoint.seen()).toEqual([{ first: 0, hashes: hashOf(asKey('a')) }])
  store.run('DROP TRIGGER full')
  checkpoint.save(next)
  expect(reload(store)).toMatchObject({ remembered: [vector('2')] })
  expect(reload(store)?.weights).toEqual(weights(9))
  expect(checkpoint.seen()[1]).toEqual({ first: 1, hashes: hashOf(asKey('b')) })
})

test('a snapshot finds the weights, learner state and memory of its version, whatever came later', () => {
  const { store, checkpoint } = openMemory()
  const one = [tokens('1'), tokens('2')]
  checkpoint.save(change({ remembered: one, snapshot: { version: 'v1', line: [] } }))
  checkpoint.save(
    change({
      weights: weights(2),
      learnerState: learnerState(2),
      remembered: [tokens('2'), tokens('3')],
    }),
  )
  checkpoint.save(
    change({
      weights: weights(3),
      learnerState: learnerState(3),
      remembered: [tokens('3'), tokens('1')],
    }),
  )
  const snapshot = new Checkpoint(store, { snapshots: 2 }).snapshot('v1')!
  expect(snapshot.weights).toEqual(weights(1))
  expect(snapshot.learnerState).toEqual(learnerState(1))
  expect(snapshot.remembered.map(({ key }) => key).toSorted()).toEqual(one.map(({ key }) => key))
  expect(checkpoint.snapshot('v2')).toBeUndefined()
})

test('states and examples go when no snapshot needs them; protected snapshots stay', () => {
  const { store, checkpoint } = openMemory({ snapshots: 2 })
  for (let at = 1; at <= 6; at += 1) {
    const remembered = [tokens(`${at}`)]
    checkpoint.save(
      change({
        weights: weights(at),
        learnerState: learnerState(at),
        remembered,
        snapshot: { version: `v${at}`, line: [] },
        protected: ['v2'],
      }),
    )
  }
  expect(
    ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].map((v) => checkpoint.snapshot(v)?.learnerState.learned),
  ).toEqual([undefined, 2, undefined, undefined, 5, 6])
  expect(checkpoint.snapshot('v2')?.remembered).toEqual([tokens('2')])
  expect(count(store, 'states')).toBe(3)
  expect(count(store, 'examples')).toBe(3)
})

test('a stored example from before examples had a slice keeps its checksum', () => {
  const { store, checkpoint } = openMemory()
  const old = { ...tokens('old'), timeMs: 5 }
  checkpoint.save(change({ remembered: [old, vector('new')] }))
  const values = exampleValues(old).slice(0, 7)
  const sum = store.get('SELECT sum FROM examples WHERE key = ?', Buffer.from(old.key))
  expect(sum?.number('sum')).toBe(rowSum(...values))
  expect(reload(store)?.remembered).toEqual(expect.arrayContaining([old, vector('new')]))
})

test('pending examples are those of the event log that wait, in their order, and are written once', () => {
  const { store, checkpoint } = openMemory()
  const log = openLog(checkpoint)
  const many = Array.from({ length: 1300 }, (_, at) => tokens(String(at)))
  for (const example of many) add(log, example)
  checkpoint.save(change({ log: log.change }))
  log.saved()
  expect(reload(store)?.pending).toEqual(many)
  store.run(`CREATE TRIGGER once BEFORE DELETE ON event_log BEGIN SELECT RAISE(ABORT, 'no'); END`)
  add(log, vector('last'))
  log.erase(many[0]!.key, eventStates.retracted)
  add(log, many[1]!)
  checkpoint.save(change({ log: log.change }))
  log.saved()
  expect(reload(store)?.pending).toEqual([...many.slice(2), vector('last'), many[1]])
  log.published('v1', null)
  log.learned('v1')
  checkpoint.save(change({ log: log.change }))
  expect(reload(store)?.pending).toEqual([])
})

function openLog({ log: stored }: Checkpoint): EventLog {
  const dedupe = new Dedupe(() => [], Infinity)
  const hashOf = (key: Example['key']) => dedupe.hashOf(key)
  const limits = { events: 5000, bytes: 1e6 }
  return new EventLog({ limits, hashOf, sizeOf: () => 8, isKnown: () => false, stored })
}

function add(log: EventLog, example: Example): void {
  log.add({ key: example.key, example, state: eventStates.pending })
}

test('an event that was given up and waits again between two saves is the later one of both', () => {
  const { store, checkpoint } = openMemory()
  const waiting = (id: string, since: number, position: string): WaitingEvent => ({
    key: identified('desk', id).key,
    since,
    event: {
      id,
      source: 'desk',
      predictionId: 'p',
      signal: { kind: 'rating', rating: 1 },
      weight: 1,
    },
    received: {
      connector: 's',
      record: { partition: '0', position, next: `after ${position}`, value: Uint8Array.of(1) },
    },
  })
  checkpoint.save(change({ waiting: [waiting('1', 1, '3'), waiting('2', 7, '11')] }))
  const later = [waiting('2', 7, '11'), waiting('1', 17, '20')]
  checkpoint.save(change({ waiting: later }))
  expect(reload(store)?.waiting).toEqual(later)
  store.run(`CREATE TRIGGER still BEFORE INSERT ON held BEGIN SELECT RAISE(ABORT, 'no'); END`)
  checkpoint.save(change({ waiting: later }))
})

test('a retracted example is gone from every snapshot, and so is its text', () => {
  const { store, checkpoint } = openMemory()
  const first = change({
    remembered: [tokens('1'), tokens('2')],
    snapshot: { version: 'v1', line: [] },
  })
  checkpoint.save(first)
  checkpoint.save({
    ...first,
    learnerState: learnerState(5),
    remembered: [tokens('2')],
    retracted: { keys: [tokens('1').key], predictions: [] },
  })
  expect(checkpoint.snapshot('v1')?.remembered).toEqual([tokens('2')])
  expect(reload(store)).toMatchObject({ remembered: [tokens('2')], learnerState: learnerState(5) })
  expect(count(store, 'examples')).toBe(1)
})

test('snapshots are bounded in bytes: the oldest go, the protected and the newest stay', () => {
  const large = (at: number): Change['weights'] => {
    const data = new Float32Array(25_000).fill(at)
    return { head: ['x'], steps: at, tensors: new Map([['w', { shape: [25_000], data }]]) }
  }
  const { store, checkpoint } = openMemory({ snapshots: 100, snapshotBytes: 350_000 })
  const kept = () =>
    store.all('SELECT version FROM snapshots ORDER BY seq').map((row) => row.text('version'))
  for (let at = 1; at <= 6; at += 1)
    checkpoint.save(
      change({
        ...{ weights: large(at), learnerState: learnerState(at), protected: ['v2'] },
        snapshot: { version: `v${at}`, line: [] },
      }),
    )
  expect(kept()).toEqual(['v2', 'v4', 'v5', 'v6'])
  expect(store.get('SELECT count(*) AS n FROM weights')!.number('n')).toBe(4)
  const tight = openMemory({ snapshots: 100, snapshotBytes: 1 })
  for (const at of [1, 2])
    tight.checkpoint.save(
      change({
        ...{ weights: large(at), learnerState: learnerState(at) },
        snapshot: { version: `v${at}`, line: [] },
      }),
    )
  expect(tight.checkpoint.snapshot('v2')?.learnerState.learned).toBe(2)
  expect(tight.checkpoint.hasSnapshot('v1')).toBe(false)
})

test('snapshots of another adapter go when the adapter changes', () => {
  const { checkpoint } = openMemory()
  checkpoint.save(change({ snapshot: { version: 'v1', line: [] } }))
  checkpoint.save(change({ identity: { base: 'b', task: 't', adapter: '{"rank":4}' } }))
  expect(checkpoint.snapshot('v1')).toBeUndefined()
})

test('ids are kept for ever, or in whole runs as far as the limit needs them, the oldest going first', () => {
  const forever = openMemory()
  const bounded = openMemory({ snapshots: 2, seen: 3 })
  const idsOf = (...keys: string[]) => Buffer.concat(keys.map((key) => hashOf(asKey(key))))
  const runs = [
    { first: 0, hashes: idsOf('1', '2') },
    { first: 2, hashes: idsOf('3', '4') },
    { first: 4, hashes: idsOf('5', '6') },
  ].map(({ first, hashes }) => ({ first, hashes: new Uint8Array(hashes) }))
  for (const { checkpoint } of [forever, bounded])
    for (const seen of runs) checkpoint.save(change({ seen }))
  expect(forever.checkpoint.seen()).toEqual(runs)
  expect(bounded.checkpoint.seen()).toEqual(runs.slice(1))
})

test('a save that is repeated with more ids takes the place of itself', () => {
  const { checkpoint } = openMemory()
  checkpoint.save(change({ seen: { first: 0, hashes: hashOf(asKey('1')) } }))
  const both = new Uint8Array(Buffer.concat([hashOf(asKey('1')), hashOf(asKey('2'))]))
  checkpoint.save(change({ seen: { first: 0, hashes: both } }))
  expect(checkpoint.seen()).toEqual([{ first: 0, hashes: both }])
})

test('what was said about a prediction goes from older states too, which alone remember it', () => {
  const { store, checkpoint } = openMemory()
  checkpoint.save(
    change({ remembered: [tokens('1'), vector('2')], snapshot: { version: 'v1', line: [] } }),
  )
  const second = change({ weights: weights(2), remembered: [vector('2')] })
  checkpoint.save(second)
  const retracted = { keys: [asKey('desk\0other')], predictions: ['p\0q'] }
  checkpoint.save({ ...second, retracted })
  expect(checkpoint.snapshot('v1')?.remembered).toEqual([vector('2')])
  expect(count(store, 'examples')).toBe(1)
})

test('a save that rewrites every example keeps the items of kNN memory, as they are now', () => {
  const { store, checkpoint } = openMemory()
  const item = { key: asKey('desk\u00001'), at: 3, vector: Float32Array.of(1, 2) }
  checkpoint.save(change({ memorised: [{ ...item, vote: 'wifi' }] }))
  const next = new Checkpoint(store, { snapshots: 2 })
  next.load()
  next.rewrite()
  const renamed = [{ ...item, vote: 'network' }]
  next.save(change({ memorised: renamed }))
  expect(reload(store)?.memorised).toEqual(renamed)
})
