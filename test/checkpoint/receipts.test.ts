/** Receipts from the file that a trainer writes, as another process reads it. */
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Forgetting } from '../../src/checkpoint/forgetting.ts'
import { logAfter } from '../../src/checkpoint/event-log/contract.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { openReceiptReader } from '../../src/checkpoint/event-log/receipts.ts'
import { eventStates } from '../../src/checkpoint/event-log/states.ts'
import { EventLogTable } from '../../src/checkpoint/event-log/table.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { MemoryTable } from '../../src/checkpoint/tables/examples.ts'
import { bytesOf } from '../../src/checkpoint/tables/rows.ts'
import { setFact } from '../../src/checkpoint/tables/states.ts'
import type { Json } from '../../src/contracts/core.ts'
import type { Example } from '../../src/contracts/example.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'
import { RETRACTED } from '../../src/intake/events/event-key.ts'
import { eventLoop } from '../../src/platform/slices.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { identified } from '../example-key.ts'
import { scratchFolder } from '../scratch-folder.ts'

const example = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { data: Float32Array.of(1, 2) },
  target: { kind: 'label', label: 'yes' },
  weight: 3,
  slice: 'north',
  timeMs: 7,
})

function open(events = 1000) {
  const path = join(scratchFolder(), 'state.db')
  const store = openStore(path, { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  const dedupe = new Dedupe(() => [], Infinity)
  const table = new EventLogTable(store)
  const log = new EventLog({
    limits: { events, bytes: 1e9 },
    hashOf: (key) => dedupe.hashOf(key),
    sizeOf: () => 8,
    isKnown: () => false,
    stored: table,
  })
  const take = (...ids: string[]) => {
    for (const id of ids) {
      const one = example(id)
      log.add({ key: one.key, example: one, state: eventStates.pending })
      dedupe.add(one.key, 9)
    }
  }
  let sequence = 0
  const save = (epoch = 0) => {
    sequence += 1
    store.transaction(() => {
      setFact(store, 'stamp', { epoch, sequence })
      table.write(log.change)
      const { first, hashes, digests } = dedupe.fresh
      if (hashes.length > 0)
        store.run(
          'INSERT OR REPLACE INTO seen_runs (first, hashes, lessons) VALUES (?, ?, ?)',
          ...[first, hashes, digests ?? null],
        )
    })
    log.saved()
    dedupe.saved()
  }
  const learn = (version: string, parent: string | null) => {
    log.published(version, parent)
    log.learned(version)
  }
  const reader = openReceiptReader(path, events)
  onTestFinished(() => reader.close())
  const find = async (id: string) => reader.find({ source: 'desk', id })
  return { store, log, dedupe, take, save, learn, reader, find, path }
}

test('without a checkpoint nothing is known', async () => {
  const reader = openReceiptReader(join(scratchFolder(), 'state.db'), 10)
  expect(await reader.find({ source: 'desk', id: 'a' })).toBeUndefined()
  expect(reader.readTo('http')).toBeUndefined()
})

test('a receipt follows the saves, and says nothing that is not saved', async () => {
  const { take, save, learn, find } = open()
  take('a', 'b')
  save()
  expect(await find('a')).toEqual({ state: 'pending', weight: 3, slice: 'north', timeMs: 7 })
  learn('v1', 'v0')
  take('c')
  expect(await find('a')).toMatchObject({ state: 'pending' })
  expect(await find('c')).toBeUndefined()
  save()
  expect(await find('a')).toMatchObject({ state: 'learned', version: 'v1' })
  expect(await find('c')).toMatchObject({ state: 'pending' })
})

test('one that waits while memory answers from it says so, until memory drops it', async () => {
  const { store, take, save, find } = open()
  take('a', 'b')
  save()
  const { key } = example('a')
  const item = { key, at: 0, vote: {}, vector: new Float32Array() }
  const memory = new MemoryTable(store)
  memory.load()
  memory.write([item], 1)
  expect(await find('a')).toMatchObject({ state: 'pending', remembered: true })
  expect(await find('b')).not.toHaveProperty('remembered')
  memory.write([], 2)
  expect(await find('a')).not.toHaveProperty('remembered')
})

test('among thousands in many saves each is found', async () => {
  const { take, save, learn, find } = open(10_000)
  for (let at = 0; at < 3000; at += 1) {
    take(`e-${at}`)
    if (at % 7 !== 6) continue
    learn(`v${(at + 1) / 7}`, null)
    save()
  }
  for (const at of [0, 6, 7, 1500, 2990])
    expect(await find(`e-${at}`)).toMatchObject({
      state: 'learned',
      version: `v${Math.floor(at / 7) + 1}`,
    })
})

test('what fell out of the log is known by its id alone, also that it was retracted', async () => {
  const { take, save, learn, find, dedupe, log } = open(3)
  take('a', 'b')
  learn('v1', null)
  const { key } = example('b')
  log.erase(key, eventStates.retracted)
  dedupe.add(key, RETRACTED)
  save()
  take('c', 'd', 'e')
  save()
  expect(await find('e')).toMatchObject({ state: 'pending' })
  take('v', 'w', 'x', 'y', 'c')
  save()
  expect(await find('y')).toMatchObject({ state: 'pending' })
  expect(await find('a')).toEqual({ state: 'learned', isOlder: true })
  expect(await find('b')).toEqual({ state: 'retracted', isOlder: true })
  expect(await find('c')).toMatchObject({ state: 'pending' })
  expect(await find('never')).toBeUndefined()
})

test('what fell out of the log and is kept without being learned is not said to be learned', async () => {
  const { take, save, learn, find, store } = open(3)
  const kept = ['aside', 'hostile', 'waits', 'held']
  take(...kept, 'a')
  // What is pending stays in the log.
  learn('v1', null)
  save()
  const [aside, hostile, waits, held] = kept.map((id) => bytesOf(example(id).key))
  const put = 'INSERT INTO held (state, at, key) VALUES (?, ?, ?)'
  store.run(put, 'set_aside', 1, aside!)
  store.run(put, 'quarantined', 2, hostile!)
  store.run(put, 'waiting', null, waits!)
  store.run(put, 'held_out', null, held!)
  take('v', 'w', 'x', 'y')
  save()
  const states = await Promise.all([...kept, 'a'].map(async (id) => (await find(id))?.state))
  expect(states).toEqual(['set_aside', 'quarantined', 'waiting', 'held_out', 'learned'])
})

test('all of a log that is longer than the present limit is found', async () => {
  const { take, save, learn, path } = open()
  take('a', 'b', 'c', 'd')
  learn('v1', null)
  save()
  const shorter = openReceiptReader(path, 2)
  onTestFinished(() => shorter.close())
  const found = await shorter.find({ source: 'desk', id: 'a' })
  expect(found).toMatchObject({ state: 'learned', version: 'v1' })
})

test('it is known whether ids have been dropped', () => {
  const { take, save, store, reader } = open()
  expect(reader.hasDroppedIds()).toBe(false)
  take('a')
  save()
  take('b')
  save()
  expect(reader.hasDroppedIds()).toBe(false)
  store.run('DELETE FROM seen_runs WHERE first = 0')
  expect(reader.hasDroppedIds()).toBe(true)
})

test('a checkpoint of another line under the same path is read from its start', async () => {
  const { take, save, find, store, log } = open()
  take('a', 'b', 'c')
  save()
  expect(await find('b')).toMatchObject({ state: 'pending' })
  // As a copy from another daemon: other rows under the same orders.
  for (const table of ['event_log', 'event_states', 'event_versions'])
    store.run(`DELETE FROM ${table}`)
  log.restore(logAfter(0))
  take('x', 'b')
  save(1)
  expect(await find('x')).toMatchObject({ state: 'pending' })
  expect(await find('b')).toMatchObject({ state: 'pending' })
  expect((await find('a'))?.isOlder).toBeUndefined()
  expect(await find('a')).toBeUndefined()
})

test('a damaged row is an error, and never another event', async () => {
  const { take, save, find, store } = open()
  take('a', 'b')
  save()
  store.run(`UPDATE event_log SET header = replace(header, 'north', 'south')`)
  await expect(find('a')).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
})

test('an event that nothing is left of may be one that was to be forgotten', () => {
  const { store, save, reader } = open()
  save()
  const isForgotten = (source: string, id: string) => reader.mayBeForgotten({ source, id })
  expect(isForgotten('desk', 'a')).toBe(false)
  const forgetting = new Forgetting()
  const routing = { sinceMs: 1, reason: 'r' } as Parameters<Forgetting['ask']>[1]
  forgetting.ask({ request: 'one', source: 'desk', id: 'a' }, routing)
  forgetting.ask({ request: 'two', source: 'shop' }, routing)
  store.transaction(() => setFact(store, 'forgetting', forgetting.state as unknown as Json))
  expect([isForgotten('desk', 'a'), isForgotten('desk', 'b')]).toEqual([true, false])
  expect([isForgotten('shop', 'z'), isForgotten('web', 'a')]).toEqual([true, false])
})

test('a full log is read in slices of the event loop, each run once, however many ask at the same time', async () => {
  const { take, save, find } = open(10_000)
  for (let run = 0; run < 40; run += 1) {
    take(...Array.from({ length: 25 }, (_, at) => `e-${run}-${at}`))
    save()
  }
  const slices = vi.spyOn(eventLoop, 'each')
  onTestFinished(() => slices.mockRestore())
  const ids = ['e-0-0', 'e-39-24', 'e-17-3', 'nobody']
  const found = await Promise.all(ids.map(async (id) => find(id)))
  expect(found.map((receipt) => receipt?.state)).toEqual([
    'pending',
    'pending',
    'pending',
    undefined,
  ])
  const read = slices.mock.calls.map(([runs]) => runs.length).filter((runs) => runs > 1)
  expect(read.length).toBe(1)
  expect(read[0]).toBeGreaterThan(10)
})
