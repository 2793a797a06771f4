/** `antikythera recover` over real stores that a test damages: what it says, does, keeps and leaves alone. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { modelOf, openBase } from '../../src/config/model-parts.ts'
import { openRegistry } from '../../src/app/model.ts'
import { placeOf } from '../../src/cli/doctor/check.ts'
import { dataCheck } from '../../src/cli/doctor/data.ts'
import { incomingEvent, openInbox } from '../../src/intake/inbox/inbox.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { openPredictionTable } from '../../src/intake/predictions/table.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { acquireLock } from '../../src/platform/store/lock.ts'
import { openLog } from '../../src/platform/log.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import type { Change } from '../../src/checkpoint/saved.ts'
import {
  prepared,
  publish,
  remove,
  spoil,
  start,
  type Damaged,
} from '../integration/damaged-rig.ts'
import { runCli } from './run-cli.ts'

async function recover({ path }: Damaged, ...flags: readonly string[]) {
  const { code, stdout, stderr } = await runCli('recover', 'a', '-c', path, '--json', ...flags)
  const json = JSON.parse(code === 0 ? stdout : stderr) as Record<string, unknown>
  return { code, json }
}

const events = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => {
    const text = JSON.stringify({ id: `e${from + at}`, input: { features: [1, at] }, label: 'yes' })
    const signal = { kind: 'label', label: 'yes' } as const
    const event = { source: 'http', id: `e${from + at}`, signal, weight: 1 }
    return incomingEvent(event, new TextEncoder().encode(text))
  })

async function accept(file: string, count: number, from = 0): Promise<void> {
  const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
  const inbox = openInbox(file, bounds)
  for (const event of events(count, from)) await inbox.append([event])
  await inbox.close()
}

function journal(file: string) {
  const reader = openInboxReader(file)
  const values = reader.journal.read(0, 1e6).map(({ value }) => Buffer.from(value).toString())
  const { identity } = reader.journal
  reader.close()
  return { identity, ids: values.map((value) => (JSON.parse(value) as { id: string }).id) }
}

/** As a trainer left it that has made v3 and read `read` events of the inbox. */
async function checkpoint({ config, file }: Damaged, read: number): Promise<void> {
  const base = await openBase(modelOf(config, 'a').base)
  const live = { version: 'v3', previous: 'v2' }
  const progress = { next: 4, parent: 'v3', generation: 4, intended: [], live, retired: [] }
  const store = openStore(file('state.db'), { migrations: checkpointMigrations })
  const saved = {
    identity: { base: base.hash, task: 'classification', adapter: '{}' },
    stamp: { epoch: 0, sequence: 1 },
    progress,
    positions: { http: { '0': String(read) }, 'kafka:t': { '0': '77' } },
    journals: { http: journal(file('inbox.db')).identity },
    weights: { head: ['no', 'yes'], steps: 3, tensors: new Map([['w', tensor]]) },
    learnerState: { learned: 30 },
    ...{ remembered: [], pending: [], waiting: [], setAside: [], protected: [] },
    seen: { first: 0, hashes: new Uint8Array(16) },
    retracted: { keys: [], predictions: [] },
  }
  new Checkpoint(store, { snapshots: 2 }).save(saved as unknown as Change)
  store.close()
}

const tensor = { shape: [4], data: Float32Array.of(1, 2, 3, 4) }

function opened({ file }: Damaged) {
  const store = openStore(file('state.db'), { migrations: checkpointMigrations })
  const { recovery, positions, journals } = new Checkpoint(store, { snapshots: 2 })
  store.close()
  return { recovery, positions, journals }
}

function flip(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length - 2]! ^= 1
  writeFileSync(path, bytes)
}

function flipWeights({ file }: Damaged): void {
  const store = openStore(file('state.db'), { migrations: checkpointMigrations })
  const bytes = store.get('SELECT tensors FROM weights')!.bytes('tensors')
  bytes[5]! ^= 8
  store.run('UPDATE weights SET tensors = ?', bytes)
  store.close()
}

async function whole(): Promise<Damaged> {
  const damaged = await prepared()
  await accept(damaged.file('inbox.db'), 40)
  await checkpoint(damaged, 30)
  return damaged
}

describe('doctor', () => {
  const looked = async ({ path }: Damaged) => {
    return dataCheck.run(placeOf({ config: path }))
  }

  test('shows the format, the sizes and the last checkpoint of a model, and changes nothing', async () => {
    const damaged = await whole()
    const before = readFileSync(damaged.file('state.db'))
    const { verdict, detail } = await looked(damaged)
    expect(verdict).toBe('ok')
    expect(detail).toMatch(
      /^a: format \d+, .*state \d+\.\d MiB.*, last checkpoint \d+ s ago, .* up to v3$/,
    )
    expect(readFileSync(damaged.file('state.db'))).toEqual(before)
  })

  test.each([
    ['a weight with a flipped bit', flipWeights, /state.db is damaged: .*checksum/],
    ['a file without sense', ({ file }: Damaged) => spoil(file('inbox.db')), /inbox.db is damaged/],
  ])('finds %s', async (_what, damage, expected) => {
    const damaged = await whole()
    damage(damaged)
    const { verdict, detail, fix } = await looked(damaged)
    expect([verdict, fix]).toEqual(['failed', expect.stringContaining('antikythera recover a')])
    expect(detail).toMatch(expected)
  })

  test('names what a newer release wrote, and what one wrote whose files are read no longer', async () => {
    const damaged = await whole()
    const newer = openStore(damaged.file('inbox.db'), { migrations: inboxMigrations })
    newer.run('PRAGMA user_version = 999')
    newer.close()
    expect(await looked(damaged)).toMatchObject({
      ...{ verdict: 'failed', detail: 'a: inbox.db was written by a newer release' },
    })
    const early = openStore(damaged.file('state.db'), { migrations: checkpointMigrations })
    early.run('PRAGMA user_version = 9')
    early.close()
    expect(await looked(damaged)).toMatchObject({
      verdict: 'failed',
      detail: 'a: state.db was written by an early release, and is read no longer',
    })
  })
})

test('a model that is whole is left alone', async () => {
  const damaged = await whole()
  expect(await recover(damaged)).toMatchObject({ code: 0, json: { needed: false, aside: [] } })
  expect(opened(damaged).recovery).toBeUndefined()
})

test('without state.db it goes on from the live version, where that one ended in the stream', async () => {
  const damaged = await whole()
  remove(damaged.file('state.db'))
  const { code, json } = await recover(damaged)
  expect(code).toBe(0)
  expect(json).toMatchObject({ stores: { 'state.db': 'missing' }, goes_on: { version: 'v3' } })
  expect(json.lost).toContainEqual(expect.stringContaining('replay buffer'))
  const { recovery, positions, journals } = opened(damaged)
  expect(recovery).toMatchObject({ from: 'version', version: 'v3', next: 4 })
  // v3 learned up to 30; but nothing was noted as learned in this inbox, so that it may be another.
  expect(positions).toEqual({ http: { '0': '0' } })
  expect(journals).toEqual({ http: journal(damaged.file('inbox.db')).identity })
})

test('the position of a version is kept in the inbox that it was read from', async () => {
  const damaged = await whole()
  const reader = openInboxReader(damaged.file('inbox.db'))
  reader.journal.consumed(30)
  reader.close()
  spoil(damaged.file('state.db'))
  const { json } = await recover(damaged)
  expect(opened(damaged).positions).toEqual({ http: { '0': '30' } })
  expect(json.kept).toContain('inbox.db: 10 events after that place, which are learned again')
  const [{ to }] = json.aside as [{ to: string }]
  expect(readFileSync(to).byteLength).toBeGreaterThan(8000)
})

test('a daemon that has left a fleet reads its inbox from where the fleet had learned, not from a place of another inbox', async () => {
  const damaged = await prepared()
  const inbox = damaged.file('inbox.db')
  await accept(inbox, 40)
  // v3 ended at 30 in the inbox of the daemon that began the fleet.
  await publish(damaged.config, 'a', 1, 4, () => ({
    http: { 'ns:{a}:feedback': ['start', '1795908996619-43/24'] },
  }))
  const reader = openInboxReader(inbox)
  reader.journal.consumed(24)
  reader.close()
  const { json } = await recover(damaged)
  expect(json).toMatchObject({ goes_on: { version: 'v4' } })
  expect(json.kept).toContain('inbox.db: 16 events after that place, which are learned again')
  expect(opened(damaged).positions.http).toMatchObject({ '0': '24' })
})

test('a checkpoint that is older than what the fleet went on to learn is set aside, and the live version goes on', async () => {
  const damaged = await whole()
  const inbox = damaged.file('inbox.db')
  await publish(damaged.config, 'a', 1, 4, () => ({
    http: { 'ns:{a}:feedback': ['start', '1795908996619-43/24'] },
  }))
  const reader = openInboxReader(inbox)
  reader.journal.consumed(34)
  reader.close()
  const { json } = await recover(damaged)
  const why = expect.stringContaining(
    'ends at v3, and the fleet that this daemon has left',
  ) as string
  expect(json).toMatchObject({
    ...{ stores: { 'state.db': 'older' }, aside: [{ file: 'state.db', why }] },
    goes_on: { from: 'version', version: 'v4' },
  })
  expect(opened(damaged)).toMatchObject({
    recovery: { version: 'v4', next: 5, reason: expect.stringContaining('older') as string },
    positions: { http: { '0': '34' } },
  })
})

test('damaged weights are taken from the version that they are the same as', async () => {
  const damaged = await whole()
  flipWeights(damaged)
  const { json } = await recover(damaged)
  expect(json).toMatchObject({ goes_on: { from: 'weights', version: 'v3' } })
  expect(json.lost).toEqual(['state of the optimizer'])
  const { recovery, positions } = opened(damaged)
  expect(recovery).toMatchObject({ from: 'weights', version: 'v3' })
  expect(positions).toMatchObject({ http: { '0': '30' }, 'kafka:t': { '0': '77' } })
  expect(await recover(damaged)).toMatchObject({ json: { needed: false } })
})

test('damaged weights beside a damaged version: it goes on from the one before, and reads again', async () => {
  const damaged = await whole()
  const reader = openInboxReader(damaged.file('inbox.db'))
  reader.journal.consumed(30)
  reader.close()
  flipWeights(damaged)
  flip(damaged.file('versions/v3/head.safetensors'))
  const { json } = await recover(damaged)
  expect(json).toMatchObject({ goes_on: { from: 'version', version: 'v2' }, live: 'v2' })
  const { recovery, positions } = opened(damaged)
  expect(recovery).toMatchObject({ next: 4 })
  expect(positions).toEqual({ http: { '0': '20' } })
  expect(readdirSync(damaged.file('versions')).sort()).toEqual(['v0', 'v1', 'v2'])
})

test('a live version that is damaged is made again from a whole checkpoint', async () => {
  const damaged = await whole()
  flip(damaged.file('versions/v3/head.safetensors'))
  expect((await recover(damaged)).json).toMatchObject({ live: 'v2', goes_on: { from: 'publish' } })
  expect(opened(damaged)).toMatchObject({
    recovery: { from: 'publish', next: 4 },
    positions: { http: { '0': '30' } },
  })
  const { predict, call } = await start(damaged.config)
  expect(await predict('a')).toMatchObject({ status: 200, json: { version: 'v2' } })
  expect((await call('/readyz')).json).toEqual({ ready: true })
})

test('an inbox that was removed: the new one is read from its start, whatever came in meanwhile', async () => {
  const damaged = await whole()
  remove(damaged.file('inbox.db'))
  await accept(damaged.file('inbox.db'), 500, 1000)
  const { json } = await recover(damaged)
  expect(json.kept).toEqual(['inbox.db: 500 events, read from its start'])
  expect(opened(damaged)).toMatchObject({
    positions: { http: { '0': '0' }, 'kafka:t': { '0': '77' } },
    journals: { http: journal(damaged.file('inbox.db')).identity },
  })
})

test('of a damaged inbox every event that can be read, and was not learned, is kept', async () => {
  const damaged = await prepared()
  const path = damaged.file('inbox.db')
  await accept(path, 400)
  await checkpoint(damaged, 100)
  const bytes = readFileSync(path)
  // A page in the middle: of the messages, or of an index.
  bytes.fill(0xff, 14 * 4096, 15 * 4096)
  writeFileSync(path, bytes)
  const { json } = await recover(damaged)
  expect(json).toMatchObject({ stores: { 'inbox.db': 'damaged' } })
  const { ids, identity } = journal(path)
  expect((json.salvaged as { events: number }).events).toBe(ids.length)
  expect(ids.length).toBeGreaterThan(100)
  expect(ids.length).toBeLessThanOrEqual(300)
  expect(ids.every((id) => Number(id.slice(1)) >= 100)).toBe(true)
  expect(opened(damaged)).toMatchObject({
    positions: { http: { '0': '0' } },
    journals: { http: identity },
  })
})

test('a value of a wrong type in an inbox costs only its own event or prediction', async () => {
  const damaged = await prepared()
  const path = damaged.file('inbox.db')
  await accept(path, 10)
  await checkpoint(damaged, 0)
  const bounds = { count: 100, retentionMs: 1e9, clock: systemClock }
  const table = openPredictionTable(path, bounds)
  const prediction = {
    input: '{"features":[1,2]}',
    version: 'v3',
    answer: 'yes',
    timeMs: systemClock.nowMs(),
  }
  table.write(['p0', 'p1', 'p2'].map((id) => ({ ...prediction, id })))
  table.close()
  const store = openStore(path, { migrations: inboxMigrations })
  store.run(`UPDATE marks SET value = 'many' WHERE name = 'identity'`)
  store.run(`UPDATE messages SET value = 'text' WHERE offset = 4`)
  store.run(`UPDATE predictions SET version = x'00' WHERE id = 'p1'`)
  store.close()
  const { json } = await recover(damaged)
  expect(json).toMatchObject({ stores: { 'inbox.db': 'damaged' } })
  expect(json.salvaged).toEqual({ events: 9, predictions: 2 })
  expect(journal(path).ids).not.toContain('e4')
  const reader = openInboxReader(path)
  expect(await reader.predictions.find('p1')).toBeUndefined()
  expect(await reader.predictions.find('p2')).toMatchObject({ version: 'v3' })
  reader.close()
})

test('without registry.db the version that the checkpoint knows as live answers again', async () => {
  const damaged = await whole()
  spoil(damaged.file('registry.db'))
  expect((await recover(damaged)).json).toMatchObject({ live: 'v3' })
  const { config } = damaged
  const base = await openBase(modelOf(config, 'a').base)
  const parts = { clock: systemClock, log: openLog({ level: 'silent' }) }
  const registry = await openRegistry(config, 'a', base, parts)
  // Above every generation that a client has seen.
  expect(await registry.live()).toMatchObject({
    live: { version: 'v3' },
    generation: 5,
    by: 'start',
  })
  await registry.close()
})

test('damaged dead letters are moved aside', async () => {
  const damaged = await whole()
  spoil(damaged.file('dead-letters.db'))
  expect((await recover(damaged)).json.aside).toMatchObject([{ file: 'dead-letters.db' }])
  expect(existsSync(damaged.file('dead-letters.db'))).toBe(false)
  expect(await recover(damaged)).toMatchObject({ json: { needed: false } })
})

test('what a person went back from is not learned again', async () => {
  const damaged = await whole()
  const { config, file } = damaged
  const base = await openBase(modelOf(config, 'a').base)
  const parts = { clock: systemClock, log: openLog({ level: 'silent' }) }
  const registry = await openRegistry(config, 'a', base, parts)
  await registry.point({ version: 'v1', expect: 4, reason: 'bad labels', by: 'rollback' })
  await registry.close()
  const reader = openInboxReader(file('inbox.db'))
  reader.journal.consumed(30)
  reader.close()
  remove(file('state.db'))
  expect((await recover(damaged)).json).toMatchObject({ goes_on: { version: 'v1' } })
  expect(opened(damaged).positions).toEqual({ http: { '0': '30' } })
})

describe('recover', () => {
  test('changes nothing with --dry-run', async () => {
    const damaged = await whole()
    spoil(damaged.file('state.db'))
    flip(damaged.file('versions/v3/head.safetensors'))
    const names = () =>
      readdirSync(dirname(damaged.file('state.db'))).filter(
        (name) => !/\.lock$|-(wal|shm)$/.test(name),
      )
    const before = names()
    const { json } = await recover(damaged, '--dry-run')
    expect(json).toMatchObject({ needed: true, done: false, live: 'v2' })
    expect(names()).toEqual(before)
  })

  test('refuses while a daemon has the folder', async () => {
    const damaged = await whole()
    const path = join(damaged.config.data_dir, 'daemon.lock')
    const lock = await acquireLock(path, { clock: systemClock, waitMs: 0 })
    expect(await recover(damaged)).toMatchObject({
      code: 75,
      json: { error: { code: 'DATA_DIR_LOCKED' } },
    })
    lock.release()
  })

  test('says so when nothing is usable', async () => {
    const damaged = await whole()
    remove(damaged.file('state.db'))
    for (const version of ['v0', 'v1', 'v2', 'v3'])
      flip(damaged.file(`versions/${version}/head.safetensors`))
    expect(await recover(damaged)).toMatchObject({
      code: 65,
      json: { error: { code: 'RECOVER_IMPOSSIBLE' } },
    })
  })
})
