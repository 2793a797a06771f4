/**
 * A model that has learned for weeks, in seconds: real stores on disk around the smallest learner, with limits a two-hundredth
 * of the usual ones. Every file must have reached the size at which it stays.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import Database from 'libsql'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { httpSource } from '../../connectors/http/source.ts'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { openInbox } from '../../src/intake/inbox/inbox.ts'
import { openPredictionTable, rowOf } from '../../src/intake/predictions/table.ts'
import { openLocalRegistry } from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { storeSizes } from '../../src/platform/store/store-space.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { openLoop } from '../../src/trainer/loop.ts'
import { plainBundle } from '../versions/plain-bundle.mjs'
import { tinyBase } from '../trainer/tiny.ts'
import { openWorld, partsIn, silentLog } from '../trainer/world.ts'

const stores = ['state', 'inbox', 'registry', 'dead-letters'] as const
const ROUNDS = 20
const EVENTS = 5000
const BODY = 500
/** Of each body, so many events are about a prediction. */
const SERVED = 25

test('100,000 events later every store has levelled off', { timeout: 240_000 }, async () => {
  const { folder, round } = await openModel()
  const sizes: Readonly<Record<string, number>>[] = []
  for (let number = 0; number < ROUNDS; number += 1) {
    await round(number)
    for (const store of stores) foldLog(join(folder, `${store}.db`))
    sizes.push(storeSizes(folder))
  }
  for (const store of stores) {
    const most = (from: number, to: number) =>
      Math.max(...sizes.slice(from, to).map((size) => size[store]!))
    const early = most(0, ROUNDS / 2)
    expect(early, store).toBeGreaterThan(0)
    expect(most(ROUNDS / 2, ROUNDS), `${store}: ${early} bytes by half of the stream`).toBeLessThan(
      1.1 * early,
    )
  }
})

async function openModel() {
  const folder = fastFolder()
  const registry = await openLocalRegistry({
    folder,
    model: 'tiny',
    base: { name: tinyBase.name, hash: tinyBase.hash },
    task: classification.kind,
    bundle: plainBundle,
    clock: systemClock,
    log: silentLog,
    remembered: { moves: 50, removed: 50 },
  })
  const clock = { nowMs: () => timeMs, monotonicMs: () => timeMs, sleep: systemClock.sleep }
  let timeMs = 0
  const inboxPath = join(folder, 'inbox.db')
  const bounds = { unreadEvents: 2 * EVENTS, seenEvents: EVENTS, retentionMs: 1000, clock }
  const inbox = openInbox(inboxPath, bounds)
  const served = { count: 1e9, bytes: 50_000, retentionMs: 1e12, clock: systemClock }
  const predictions = openPredictionTable(inboxPath, served)
  const letters = openDeadLetters(join(folder, 'dead-letters.db'), { count: 1e9, bytes: 5000 })
  const reader = openInboxReader(inboxPath)
  const world = openWorld({})
  onTestFinished(async () => {
    predictions.close()
    reader.close()
    await letters.close()
    await inbox.close()
    await registry.close()
  })

  /** The feedback of one round, then a trainer from its checkpoint until it has read it all. */
  async function round(number: number): Promise<void> {
    for (let from = 0; from < EVENTS; from += BODY) {
      const ids = Array.from({ length: BODY }, (_, at) => number * EVENTS + from + at)
      predictions.write(ids.slice(0, SERVED).map((id) => rowOf(servedAs(id))))
      timeMs += 100
      await inbox.append(ids.map((id) => ({ source: 's', id: String(id), bytes: bytesOf(id) })))
    }
    const store = openStore(join(folder, 'state.db'), { migrations: checkpointMigrations })
    const stop = new AbortController()
    const train = { batch: 100, replay_batch: 10, epochs: 1 }
    const setting = { every: 500, capacity: 50, keepVersions: 10, train, limits }
    const parts = partsIn({ ...world, store }, setting, ({ state, lag }) => {
      if (state === 'idle' && lag === 0) stop.abort(new Error('read everything'))
    })
    const sources = [httpSource({ name: 'http', journal: reader.journal, clock: systemClock })]
    const loop = openLoop({
      ...parts,
      registry,
      intake: {
        ...parts.intake,
        ...{ sources, deadLetters: letters, predictions: reader.predictions },
      },
    })
    await loop.run(stop.signal)
    store.close()
  }
  return { folder, round }
}

const limits = {
  ...{ records: 512, waitingJoins: 25, waitingEvents: 500, seenEvents: 2500 },
  eventLog: { events: 2500, bytes: 1e6 },
}

const servedAs = (id: number) => ({
  ...{ id: `p-${id}`, version: 'v1', answer: 'no', timeMs: id },
  input: { kind: 'text', text: `a text that was answered, number ${id}` } as const,
})

/** One in a hundred is no event, one waits for ever, and some name what was served. */
function bytesOf(id: number): Uint8Array {
  const label = id % 3 === 0 ? 'yes' : 'no'
  const about = id % 100 === 2 ? { prediction_id: `never-${id}` } : { text: `event ${id}` }
  const served = id % BODY < SERVED && id % 10 === 5 ? { prediction_id: `p-${id}` } : about
  const text =
    id % 100 === 1 ? `no event ${id}` : JSON.stringify({ id, source: 's', label, ...served })
  return new TextEncoder().encode(text)
}

/** So that the file has all that there is, and its log nothing. */
function foldLog(path: string): void {
  const database = new Database(path)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

/** What a power cut leaves is tried elsewhere: here nothing waits for a disk. */
function fastFolder(): string {
  const memory = '/dev/shm'
  const folder = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'antikythera-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
