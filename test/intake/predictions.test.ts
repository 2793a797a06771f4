import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { openPredictionTable } from '../../src/intake/predictions/table.ts'
import {
  openPredictionBuffer,
  type PredictionStore,
} from '../../src/intake/predictions/predictions.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeClock } from '../serving/fake-clock.ts'

const silent: Logger = openLog({ level: 'silent', format: 'json' })

const served = (id: string, timeMs = Date.now()): ServedPrediction => ({
  id,
  input: { kind: 'text', text: `text of ${id}` },
  version: 'v1',
  answer: 'positive',
  timeMs,
})

function opened(
  path: string,
  options: {
    count?: number
    bytes?: number
    retentionMs?: number
    log?: Logger
    onDropped?: (n: number) => void
  } = {},
): PredictionStore {
  const bounds = { count: 100, retentionMs: 60_000, clock: systemClock, ...options }
  const table = openPredictionTable(path, bounds)
  const write = async (rows: Parameters<typeof table.write>[0]) => table.write(rows)
  const store = openPredictionBuffer({ ...bounds, log: silent, ...options, write })
  onTestFinished(async () => {
    await store.close()
    table.close()
  })
  return store
}

async function kept(path: string, id: string): Promise<string | undefined> {
  const reader = openInboxReader(path)
  const found = await reader.predictions.find(id)
  reader.close()
  return found?.id
}

describe('served predictions', () => {
  it('keep their part in a rollout: the canary of that time, what a shadow would have said, that the version was asked for, the trace', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path)
    const shadow = { version: 'v3', answer: 'negative' }
    const kept: ServedPrediction[] = [
      { ...served('p-1'), canary: 'v2', unit: '0123456789ab' },
      { ...served('p-2'), shadow },
      served('p-3'),
      { ...served('p-4'), pinned: true, isCut: true },
      { ...served('p-5'), traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    ]
    store.record(kept)
    await store.flush()
    const reader = openInboxReader(path)
    for (const prediction of kept)
      expect(await reader.predictions.find(prediction.id)).toEqual(prediction)
    reader.close()
  })

  it('are written whenever they come, also in the moment in which the last write ends', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const written: unknown[] = []
      const clock = openFakeClock()
      const write = async (rows: readonly unknown[]) => {
        written.push(...rows)
        if (written.length > 1) return
        void (async () => {
          for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
          store.record([served('p-2')])
        })()
      }
      const store = openPredictionBuffer({ count: 9, log: silent, clock, write })
      store.record([served('p-1')])
      for (let time = 0; time < 3; time += 1) await clock.advance(1000)
      expect(written, `${turns} turns later`).toHaveLength(2)
    }
  })

  it('can be joined by the trainer once they are flushed', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path)
    store.record([served('p-1')])
    await store.flush()
    const reader = openInboxReader(path)
    expect(await reader.predictions.find('p-1')).toMatchObject({
      input: { kind: 'text', text: 'text of p-1' },
      version: 'v1',
    })
    expect(await reader.predictions.find('p-2')).toBeUndefined()
    expect(await reader.predictions.find('p\0')).toBeUndefined()
    reader.close()
  })

  it('are bounded in the bytes of their inputs, the oldest go first', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path, { count: 1e6, bytes: 100_000 })
    const long = (id: string): ServedPrediction => {
      return { ...served(id), input: { kind: 'text', text: 'é'.repeat(100) } }
    }
    for (let batch = 0; batch < 20; batch += 1) {
      store.record(Array.from({ length: 200 }, (_, at) => long(`p-${batch}-${at}`)))
      await store.flush()
    }
    const file = openStore(path, { migrations: inboxMigrations })
    const sum = file.get('SELECT sum(length(CAST(input AS BLOB))) AS bytes FROM predictions')
    const mark = file.get(`SELECT value FROM marks WHERE name = 'predictions_bytes'`)
    expect(mark!.number('value')).toBe(sum!.number('bytes'))
    expect(sum!.number('bytes')).toBeLessThan(100_000)
    file.close()
    const reader = openInboxReader(path)
    expect(await reader.predictions.find('p-19-199')).toBeDefined()
    expect(await reader.predictions.find('p-0-0')).toBeUndefined()
    reader.close()
  })

  it('are written behind without being asked', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    opened(path).record([served('p-1')])
    const reader = openInboxReader(path)
    await expect.poll(async () => (await reader.predictions.find('p-1'))?.id).toBe('p-1')
    reader.close()
  })

  it('are bounded by count: the oldest go first', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path, { count: 10 })
    store.record(Array.from({ length: 25 }, (_, index) => served(`p-${index}`)))
    await store.flush()
    expect(await kept(path, 'p-14')).toBeUndefined()
    expect(await kept(path, 'p-15')).toBe('p-15')
  })

  it('are bounded by age', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path, { retentionMs: 60_000 })
    store.record([served('p-old', Date.now() - 120_000), served('p-new')])
    await store.flush()
    expect(await kept(path, 'p-old')).toBeUndefined()
    expect(await kept(path, 'p-new')).toBe('p-new')
  })

  it('wait in memory while the disk refuses them, the oldest are dropped and counted', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const warned: string[] = []
    const log = {
      ...silent,
      warn: (_details: object, message: string) => void warned.push(message),
    }
    let dropped = 0
    const store = opened(path, { count: 100_000, log, onDropped: (count) => (dropped += count) })
    const blocker = openStore(path, { migrations: inboxMigrations })
    blocker.all('BEGIN IMMEDIATE')
    for (let index = 0; index < 10_300; index += 100)
      store.record(Array.from({ length: 100 }, (_, at) => served(`p-${index + at}`)))
    expect(dropped).toBe(300)
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    store.record([])
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(warned.length).toBeLessThanOrEqual(1)
    blocker.all('ROLLBACK')
    blocker.close()
    await store.flush()
    const reader = openInboxReader(path)
    expect(await reader.predictions.find('p-299')).toBeUndefined()
    expect((await reader.predictions.find('p-300'))?.id).toBe('p-300')
    reader.close()
  })
})
