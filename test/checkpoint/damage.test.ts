/** One flipped bit anywhere in a checkpoint is found when it is read, and named: nothing is learned on it. */
import { keyOf } from '../../src/intake/events/event-key.ts'
import { identified } from '../example-key.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Example } from '../../src/contracts/task.ts'
import { CodedError } from '../../src/contracts/core.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { openRandom } from '../../src/platform/random.ts'
import { scratchFolder } from '../scratch-folder.ts'

const example = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { kind: 'vector', values: Float32Array.of(0.25, 3) },
  target: { kind: 'label', label: 'yes' },
  weight: 1,
  predictionId: 'p',
})

function write(path: string): void {
  const store = openStore(path, { migrations: checkpointMigrations })
  const checkpoint = new Checkpoint(store, { snapshots: 2 })
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
    mind: { learned: 3, steps: 1 } as never,
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
    pending: [example('2')],
    waiting: [
      {
        key: keyOf({ source: 'desk', id: '3' }),
        since: 2,
        event: { id: '3', source: 'desk', lesson: { kind: 'label', label: 'no' }, weight: 1 },
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
  })
  store.close()
}

/** Everything that a trainer ever reads of it. */
function read(store: Store): unknown {
  const checkpoint = new Checkpoint(store, { snapshots: 2 })
  const saved = checkpoint.load()
  return [saved, checkpoint.seen(), checkpoint.snapshot('v1')]
}

function opened(path: string): Store {
  const store = openStore(path, { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  return store
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
  ['remembered', 'logits'],
  ['memorised', 'vector'],
  ['memorised', 'vote'],
  ['pending_runs', 'data'],
  ['pending_runs', 'header'],
  ['held_out', 'data'],
  ['held_out', 'header'],
  ['waiting', 'value'],
  ['waiting', 'event'],
] as const

test.each(cells)('a flipped bit in %s.%s is found', (table, column) => {
  const path = join(scratchFolder(), 'state.db')
  write(path)
  const store = opened(path)
  const rows = store.all(`SELECT hex(${column}) AS hex, typeof(${column}) AS type FROM ${table}`)
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
  for (let flip = 0; flip < 150; flip += 1) {
    const damaged = Buffer.from(bytes)
    const at = Math.floor(random.uniform() * damaged.byteLength)
    damaged[at] = damaged[at]! ^ (1 << Math.floor(random.uniform() * 8))
    const path = join(folder, `state-${flip}.db`)
    writeFileSync(path, damaged)
    try {
      const store = openStore(path, { migrations: checkpointMigrations })
      try {
        expect(read(store), `byte ${at}`).toEqual(good)
        outcomes.same += 1
      } finally {
        store.close()
      }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      expect(['STORE_CORRUPT', 'STORE_FAILED', 'STORE_OUTDATED'], `byte ${at}`).toContain(
        error.code,
      )
      outcomes.found += 1
    }
  }
  expect(outcomes.found).toBeGreaterThan(5)
})
