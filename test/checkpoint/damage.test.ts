/** One flipped bit anywhere in a checkpoint is found when it is read, and named: nothing is learned on it. */
import { keyOf } from '../../src/intake/events/event-key.ts'
import { identified } from '../example-key.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import type { Example } from '../../src/contracts/example.ts'
import { CodedError } from '../../src/contracts/core.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import type { EventRowsParts } from '../../src/checkpoint/event-log/event-rows.ts'
import { eventStates } from '../../src/checkpoint/event-log/states.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'
import { openRandom } from '../../src/platform/random.ts'
import { scratchFolder } from '../scratch-folder.ts'

const example = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { data: Float32Array.of(0.25, 3) },
  target: { kind: 'label', label: 'yes' },
  weight: 1,
  slice: 'north',
  predictionId: 'p',
})

function write(path: string): void {
  const store = openStore(path, { migrations: checkpointMigrations })
  save(new Checkpoint(store, { snapshots: 2 }))
  store.close()
}

function save(checkpoint: Checkpoint): void {
  checkpoint.save({
    identity: { base: 'b', task: 't', adapter: '{}' },
    stamp: { epoch: 0, sequence: 1 },
    // The checkpoint does not look into it.
    progress: { accepted: 3, next: 4 } as never,
    positions: { http: { '0': '320' } },
    journals: { http: 'j1' },
    weights: {
      head: ['no', 'yes'],
      steps: 1,
      tensors: new Map([['w', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
    },
    learnerState: { learned: 3, steps: 1 } as never,
    remembered: [{ ...example('1'), logits: Float32Array.of(1, 2) }],
    memorised: [
      {
        key: keyOf({ source: 'desk', id: '1' }),
        at: 0,
        vote: 'yes',
        vector: Float32Array.of(1, 2),
        predictionId: 'p',
      },
    ],
    setAside: [],
    heldOut: [example('4')],
    waiting: [
      {
        key: keyOf({ source: 'desk', id: '3' }),
        since: 2,
        event: { id: '3', source: 'desk', signal: { kind: 'label', label: 'no' }, weight: 1 },
        received: {
          connector: 'http',
          record: { partition: '0', position: '9', next: '10', value: Uint8Array.of(1, 2, 3) },
        },
      },
    ],
    seen: { first: 0, hashes: new Uint8Array(32).fill(7) },
    retracted: { keys: [], predictions: [] },
    protected: [],
    snapshot: { version: 'v1', line: [] },
    log: logged(),
  })
}

/** One event that a version has learned, one that waits for the next, and one that was refused. */
function logged() {
  const log = openLog({ rows: () => [], traces: () => [] })
  log.add({ ...example('1'), example: example('1'), state: eventStates.pending })
  log.published('v1', null)
  log.learned('v1')
  log.add({ ...example('2'), example: example('2'), state: eventStates.pending })
  log.reject(keyOf({ source: 'desk', id: '9' }), { code: 'X', message: 'no' })
  return log.change
}

function openLog(stored: EventRowsParts['stored']): EventLog {
  const dedupe = new Dedupe(() => [], Infinity)
  return new EventLog({
    limits: { events: 10, bytes: 1e6 },
    hashOf: (key) => dedupe.hashOf(key),
    sizeOf: () => 8,
    isKnown: () => false,
    stored,
  })
}

/** Everything that a trainer ever reads of it. */
function read(store: Store): unknown {
  const checkpoint = new Checkpoint(store, { snapshots: 2 })
  const saved = checkpoint.load()
  return [saved, checkpoint.seen(), checkpoint.snapshot('v1'), [...checkpoint.log.rows(0, 9)]]
}

function opened(path: string): Store {
  const store = openStore(path, { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  return store
}

/** Thousands of times: `toEqual` alone walks through every byte of an array. */
function expectSame(found: unknown, good: unknown, place: string): void {
  if (!isDeepStrictEqual(found, good)) expect(found, place).toEqual(good)
}

/** What a damaged file says, after `work` in it, or undefined if it is refused as damaged. */
function outcome(path: string, place: string, work?: (store: Store) => void): unknown {
  try {
    const store = openStore(path, { migrations: checkpointMigrations })
    try {
      work?.(store)
      return read(store)
    } finally {
      store.close()
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    expect(['STORE_CORRUPT', 'STORE_FAILED', 'STORE_OUTDATED'], place).toContain(error.code)
    return undefined
  }
}

const cells = [
  ['weights', 'tensors'],
  ['weights', 'header'],
  ['weights', 'head'],
  ['states', 'mind'],
  ['positions', 'next'],
  ['facts', 'value'],
  ['seen_runs', 'hashes'],
  ['examples', 'data'],
  ['examples', 'target'],
  ['examples', 'slice'],
  ['remembered', 'logits'],
  ['memorised', 'vector'],
  ['memorised', 'vote'],
  ['held', 'state'],
  ['held', 'data'],
  ['held', 'header'],
  ['held', 'value'],
  ['held', 'event'],
  ['event_log', 'hashes'],
  ['event_log', 'header'],
  ['event_log', 'data'],
  ['event_log', 'rest'],
  ['event_states', 'facts'],
  ['event_versions', 'version'],
] as const

test.each(cells)('a flipped bit in %s.%s is found', (table, column) => {
  const path = join(scratchFolder(), 'state.db')
  write(path)
  const store = opened(path)
  const columns = `hex(${column}) AS hex, typeof(${column}) AS type`
  const rows = store.all(`SELECT ${columns} FROM ${table} WHERE ${column} IS NOT NULL`)
  expect(rows).not.toEqual([])
  for (const row of rows) {
    const bytes = Buffer.from(row.text('hex'), 'hex')
    const middle = bytes.byteLength >> 1
    bytes[middle] = bytes[middle]! ^ 1
    const value = row.text('type') === 'text' ? 'CAST(? AS TEXT)' : '?'
    const put = `UPDATE ${table} SET ${column} = ${value} WHERE hex(${column}) = ?`
    store.run(put, bytes, row.text('hex'))
    expect(() => read(store)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
    expect(() => read(store)).toThrow(path)
    const original = Buffer.from(row.text('hex'), 'hex')
    store.run(put, original, bytes.toString('hex').toUpperCase())
    expect(read(store)).toBeDefined()
  }
})

test('a flipped bit anywhere in the file changes nothing or is reported as STORE_CORRUPT', () => {
  const folder = scratchFolder()
  const whole = join(folder, 'whole.db')
  write(whole)
  const bytes = readFileSync(whole)
  const good = read(opened(whole))
  const random = openRandom(1, 'flips')
  const outcomes = { same: 0, found: 0 }
  for (let flip = 0; flip < 300; flip += 1) {
    const damaged = Buffer.from(bytes)
    const at = Math.floor(random.uniform() * damaged.byteLength)
    damaged[at] = damaged[at]! ^ (1 << Math.floor(random.uniform() * 8))
    const path = join(folder, `state-${flip}.db`)
    writeFileSync(path, damaged)
    const saved = outcome(path, `byte ${at}`)
    if (saved === undefined) outcomes.found += 1
    else {
      expectSame(saved, good, `byte ${at}`)
      outcomes.same += 1
    }
  }
  expect(outcomes.found).toBeGreaterThan(5)
}, 60_000)

/** A row that the index hides would be written twice. */
function saveAgain(store: Store): void {
  const checkpoint = new Checkpoint(store, { snapshots: 2 })
  checkpoint.load()
  save(checkpoint)
}

/** A table's index of ended rows: no checksum covers what it says. */
const indexes = ['remembered_gone', 'memorised_gone'] as const

test.each(indexes)(
  'a flipped bit in the index %s hides no row',
  (index) => {
    const folder = scratchFolder()
    const whole = join(folder, 'whole.db')
    write(whole)
    const store = opened(whole)
    const good = read(store)
    const [root] = store.all(`SELECT rootpage FROM sqlite_schema WHERE name = '${index}'`)
    const [size] = store.all('PRAGMA page_size')
    const [page, length] = [root!.number('rootpage'), size!.number('page_size')]
    const bytes = readFileSync(whole)
    const first = (page - 1) * length
    const places = Array.from({ length }, (_, at) => first + at).filter((at) => bytes[at] !== 0)
    expect(places.length).toBeGreaterThan(10)
    for (const at of places)
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = Buffer.from(bytes)
        damaged[at] = damaged[at]! ^ (1 << bit)
        const path = join(folder, 'damaged.db')
        writeFileSync(path, damaged)
        const place = `byte ${at - first}, bit ${bit}`
        const read = outcome(path, place)
        if (read !== undefined) expectSame(read, good, place)
        writeFileSync(path, damaged)
        const saved = outcome(path, place, saveAgain)
        if (saved !== undefined) expectSame(saved, good, place)
      }
  },
  60_000,
)
