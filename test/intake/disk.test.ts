import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { openDisk } from '../../src/intake/disk/disk.ts'
import { openDiskInbox } from '../../src/intake/disk/clients.ts'
import { writtenThere } from '../../src/intake/disk/clients.ts'
import { openDiskLetters } from '../../src/intake/disk/clients.ts'
import { openDiskPredictions } from '../../src/intake/disk/clients.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { rejection } from '../coded.ts'
import { letter } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeLog } from '../serving/fake-log.ts'

const bounds = { unreadEvents: 1000, seenEvents: 10_000, retentionMs: 0 }
const event = (id: string) => ({ source: 's', id, bytes: new TextEncoder().encode(id) })

async function open(limits: Partial<typeof bounds> = {}) {
  const workers: Worker[] = []
  const path = join(scratchFolder(), 'inbox.db')
  const log = openFakeLog()
  const disk = openDisk({ log, onStart: (worker) => workers.push(worker) })
  onTestFinished(async () => disk.close())
  const inbox = await openDiskInbox(disk, path, { ...bounds, ...limits })
  onTestFinished(async () => inbox.close())
  const texts = () => {
    const reader = openInboxReader(path)
    const found = reader.journal.read(0, 10_000)
    reader.close()
    return found.map(({ value }) => Buffer.from(value).toString())
  }
  return { disk, inbox, path, texts, workers, log }
}

/** Another process that keeps the file to itself, as a disk does that takes long to flush. */
function locked(path: string) {
  const other = openStore(path, { migrations: inboxMigrations })
  other.all('BEGIN IMMEDIATE')
  return () => {
    other.all('ROLLBACK')
    other.close()
  }
}

test('while the disk is busy the event loop turns; what waits is kept in order, in one commit', async () => {
  const { inbox, path, texts } = await open()
  await inbox.append([event('first')])
  const unlock = locked(path)
  let kept = 0
  const ids = Array.from({ length: 40 }, (_, at) => `e-${at}`)
  const answers = ids.map(async (id) => inbox.append([event(id)]).finally(() => (kept += 1)))
  // With the commit on this thread, not one turn would come before the lock's 5 s are over.
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect(kept).toBe(0)
  unlock()
  expect(await Promise.all(answers)).toMatchObject(ids.map(() => ({ accepted: 1, duplicates: [] })))
  expect(texts()).toEqual(['first', ...ids])
  expect([inbox.unread(), inbox.duplicates(), inbox.forgotten()]).toEqual([41, 0, 0])
})

test('what was answered is on disk for others, byte by byte, and a repetition is a duplicate', async () => {
  const { inbox, texts } = await open()
  const body = Buffer.from('zero one two')
  const parts = [body.subarray(0, 4), body.subarray(5, 8), body.subarray(9)]
  const events = parts.map((bytes, at) => ({ source: 's', id: String(at), bytes }))
  expect(await inbox.append(events)).toMatchObject({ accepted: 3, duplicates: [] })
  expect(texts()).toEqual(['zero', 'one', 'two'])
  expect(await inbox.append(events)).toMatchObject({ accepted: 0, duplicates: [0, 1, 2] })
  expect(inbox.duplicates()).toBe(3)
  // The request's own bytes are untouched.
  expect(body.toString()).toBe('zero one two')
})

test('the trace of a message reaches the disk with it', async () => {
  const { inbox, path } = await open()
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  await inbox.append([event('plain'), { ...event('traced'), traceparent }])
  const reader = openInboxReader(path)
  const found = reader.journal.read(0, 10).map((message) => message.traceparent)
  reader.close()
  expect(found).toEqual([undefined, traceparent])
})

test('a refusal keeps its code', async () => {
  const { inbox, disk } = await open({ unreadEvents: 2 })
  const error = await rejection(inbox.append(['a', 'b', 'c'].map(event)))
  expect(error).toMatchObject({ code: 'INBOX_FULL', retriable: true, details: { limit: 2 } })
  const torn = join(scratchFolder(), 'inbox.db')
  writeFileSync(torn, 'not a database, but long enough to be looked at'.repeat(100))
  expect(await rejection(openDiskInbox(disk, torn, bounds))).toMatchObject({
    code: 'STORE_CORRUPT',
  })
})

test('a thread that dies fails what was in flight, and another goes on with the same files', async () => {
  const { inbox, texts, workers, log } = await open()
  await inbox.append([event('a')])
  // It ends of what it does not understand. Not `terminate()`, which stops it inside of SQLite and aborts the process.
  workers[0]!.postMessage(null)
  const error = await rejection(inbox.append([event('b')]))
  expect(error).toMatchObject({ code: 'STORE_FAILED', retriable: true })
  expect(await inbox.append([event('a'), event('c')])).toMatchObject({ accepted: 1 })
  expect(texts().at(-1)).toBe('c')
  expect(workers).toHaveLength(2)
  expect(JSON.stringify(log.lines)).toContain('the disk thread died')
})

test('predictions that were flushed, and how far the trainer is, are there for the trainer', async () => {
  const { disk, inbox, path } = await open()
  const log = openFakeLog()
  const options = { count: 100, retentionMs: 60_000, clock: systemClock, log }
  const predictions = await openDiskPredictions(disk, path, options)
  const input = { kind: 'text', text: 'good' } as const
  predictions.record([{ id: 'p-1', input, version: 'v1', answer: 'yes', timeMs: Date.now() }])
  await predictions.flush()
  await inbox.append([event('a'), event('b')])
  const reader = openInboxReader(path)
  expect(await reader.predictions.find('p-1')).toMatchObject({ input, answer: 'yes' })
  writtenThere(disk, path, reader.journal).consumed(2)
  await expect.poll(() => inbox.unread()).toBe(0)
  reader.close()
  await predictions.close()
})

test('dead letters are written there and read here', async () => {
  const { disk } = await open()
  const letters = await openDiskLetters(disk, join(scratchFolder(), 'dead-letters.db'), {
    count: 2,
  })
  await letters.write(['a', 'b', 'c'].map((key) => letter(key)))
  expect(letters.list(10).map(({ key }) => key)).toEqual(['c', 'b'])
  const [first] = letters.unsent.next(1)
  expect(await letters.unsent.sent(first!.number, 1)).toBe(1)
  expect(letters.unsent.count()).toBe(1)
  expect(await letters.pages.remove([first!.number])).toBe(1)
  expect(letters.pages.kept()).toEqual({ EVENT_MALFORMED: 1 })
  await letters.close()
})
