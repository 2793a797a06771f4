import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServedPrediction } from '../../src/contracts.ts'
import { openInboxReader } from '../../src/intake/inbox-reader.ts'
import { inboxMigrations } from '../../src/intake/inbox-schema.ts'
import { openPredictions, type PredictionStore } from '../../src/intake/predictions.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { openLog } from '../../src/runtime/log.ts'
import { openStore } from '../../src/runtime/store.ts'
import { scratchFolder } from '../scratch-folder.ts'

const silent = openLog({ level: 'silent', format: 'json' })

const served = (id: string, timeMs = Date.now()): ServedPrediction => ({
  id,
  input: { kind: 'text', text: `text of ${id}` },
  version: 'v1',
  label: 'positive',
  timeMs,
})

function opened(
  path: string,
  options: { count?: number; retentionMs?: number } = {},
): PredictionStore {
  const store = openPredictions(path, {
    count: 100,
    retentionMs: 60_000,
    clock: systemClock,
    log: silent,
    ...options,
  })
  onTestFinished(() => {
    store.close()
  })
  return store
}

describe('served predictions', () => {
  it('can be joined by the trainer once they are flushed', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = opened(path)
    store.record([served('p-1')])
    expect(store.find('p-1')?.label).toBe('positive')
    store.flush()
    const reader = openInboxReader(path)
    expect(await reader.predictions.find('p-1')).toMatchObject({
      input: { kind: 'text', text: 'text of p-1' },
      version: 'v1',
    })
    expect(await reader.predictions.find('p-2')).toBeUndefined()
    expect(await reader.predictions.find('p\0')).toBeUndefined()
    reader.close()
  })

  it('are written behind without being asked', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    opened(path).record([served('p-1')])
    const reader = openInboxReader(path)
    await expect.poll(async () => (await reader.predictions.find('p-1'))?.id).toBe('p-1')
    reader.close()
  })

  it('are bounded by count: the oldest go first', () => {
    const store = opened(join(scratchFolder(), 'inbox.db'), { count: 10 })
    store.record(Array.from({ length: 25 }, (_, index) => served(`p-${index}`)))
    store.flush()
    expect(store.find('p-14')).toBeUndefined()
    expect(store.find('p-15')?.id).toBe('p-15')
  })

  it('are bounded by age', () => {
    const store = opened(join(scratchFolder(), 'inbox.db'), { retentionMs: 60_000 })
    store.record([served('p-old', Date.now() - 120_000), served('p-new')])
    store.flush()
    expect(store.find('p-old')).toBeUndefined()
    expect(store.find('p-new')?.id).toBe('p-new')
  })

  it('wait in memory while the disk refuses them, the oldest are dropped and counted', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const warned: string[] = []
    const log = {
      ...silent,
      warn: (_details: object, message: string) => void warned.push(message),
    }
    let dropped = 0
    const store = openPredictions(path, {
      count: 100_000,
      retentionMs: 60_000,
      clock: systemClock,
      log,
      onDropped: (count) => (dropped += count),
    })
    const blocker = openStore(path, { migrations: inboxMigrations })
    blocker.all('BEGIN IMMEDIATE')
    for (let index = 0; index < 10_300; index += 100)
      store.record(Array.from({ length: 100 }, (_, at) => served(`p-${index + at}`)))
    expect(dropped).toBe(300)
    expect(warned).toHaveLength(1)
    expect(store.find('p-10299')?.id).toBe('p-10299')
    blocker.all('ROLLBACK')
    blocker.close()
    store.flush()
    const reader = openInboxReader(path)
    expect(await reader.predictions.find('p-299')).toBeUndefined()
    expect((await reader.predictions.find('p-300'))?.id).toBe('p-300')
    reader.close()
    store.close()
  })
})
