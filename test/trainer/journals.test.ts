/** A position belongs to one journal: in another it would pass over events that were acknowledged and not learned. */
import { join } from 'node:path'
import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { httpSource } from '../../connectors/http/source.ts'
import { inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { openInbox } from '../../src/intake/inbox/inbox.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { openLoop } from '../../src/trainer/loop.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { lessons } from './events.ts'
import { instantClock, openWorld, partsIn, type World } from './world.ts'

const encoder = new TextEncoder()

async function accept(path: string, values: readonly string[]): Promise<void> {
  const options = { unreadEvents: 9999, seenEvents: 9999, retentionMs: 1e9, clock: instantClock }
  const inbox = openInbox(path, options)
  const events = values.map((value) => ({
    source: 'http',
    id: value,
    bytes: encoder.encode(value),
  }))
  expect(await inbox.append(events)).toMatchObject({ accepted: values.length })
  await inbox.close()
}

/** A trainer's life over a real journal: until it rests or fails. */
async function live(world: World, path: string): Promise<TrainerStatus> {
  const reader = openInboxReader(path)
  const stop = new AbortController()
  const source = httpSource({ name: 'http', journal: reader.journal, clock: instantClock })
  const parts = partsIn(world, { every: 4 }, ({ state, lag }) => {
    if (state === 'idle' && lag === 0) stop.abort(new Error('read everything'))
  })
  const loop = openLoop({ ...parts, intake: { ...parts.intake, sources: [source] } })
  await loop.run(stop.signal)
  reader.close()
  return loop.status()
}

function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

test('a journal that was removed is reported at the next start, and after it has grown too', async () => {
  const path = join(scratchFolder(), 'inbox.db')
  const world = openWorld({})
  await accept(path, lessons(8))
  expect(await live(world, path)).toMatchObject({ counts: { learned: 8 } })
  remove(path)
  await accept(path, lessons(3, 100))
  expect(await live(world, path)).toMatchObject({ state: 'failed', code: 'JOURNAL_FOREIGN' })
  // Longer than the position by now: it looked like a part that had been read.
  await accept(path, lessons(20, 200))
  const status = await live(world, path)
  expect(status).toMatchObject({ state: 'failed', code: 'JOURNAL_FOREIGN', counts: { learned: 8 } })
})

test('a journal that was put back from before is reported also after it has grown', async () => {
  const path = join(scratchFolder(), 'inbox.db')
  const world = openWorld({})
  await accept(path, lessons(4))
  const reader = openInboxReader(path)
  const { identity } = reader.journal
  reader.close()
  await accept(path, lessons(8, 50))
  await live(world, path)
  remove(path)
  // A copy from before: the same journal, shorter.
  await accept(path, lessons(4))
  const older = openInboxReader(path)
  const isSame = older.journal.identity === identity
  older.close()
  expect(isSame).toBe(false)
  sameIdentity(path, identity)
  expect(await live(world, path)).toMatchObject({ state: 'failed', code: 'JOURNAL_FOREIGN' })
  await accept(path, lessons(20, 200))
  expect(await live(world, path)).toMatchObject({ state: 'failed', code: 'JOURNAL_FOREIGN' })
})

function sameIdentity(path: string, identity: string): void {
  const store = openStore(path, { migrations: inboxMigrations })
  store.run(`UPDATE marks SET value = ? WHERE name = 'identity'`, parseInt(identity, 36))
  store.close()
}

test('a checkpoint that is older than what was removed from its journal is reported', async () => {
  const path = join(scratchFolder(), 'inbox.db')
  const old = openWorld({})
  await accept(path, lessons(4))
  await live(old, path)
  await accept(path, lessons(8, 50))
  const store = openStore(path, { migrations: inboxMigrations })
  // As after the retention, when a later checkpoint had learned them.
  store.run('DELETE FROM messages WHERE offset < 9')
  store.close()
  const status = await live(old, path)
  expect(status).toMatchObject({ state: 'failed', code: 'JOURNAL_GAP' })
  expect(status.message).toContain('5 events')
})
