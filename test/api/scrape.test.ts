import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openMetrics } from '../../src/platform/metrics.ts'
import { storeSizes } from '../../src/platform/store/store-space.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { bytesOfAll, Rising } from '../../src/serving/services/metrics/scrape.ts'
import { openServed } from './open-served.ts'

const stats = { records: 1_000, bytes: 50_000, refused: 3, rebalances: 2, lag: 70 }

test('a trainer’s sources are shown with what they gave and what they still have', async () => {
  const { app } = await openServed({ trainer: { sources: { 'kafka:t': stats } } })
  const { body } = await app.inject('/metrics')
  const labels = '{model="m",source="kafka:t"}'
  expect(body).toContain(`antikythera_source_records_total${labels} 1000\n`)
  expect(body).toContain(`antikythera_source_bytes_total${labels} 50000\n`)
  expect(body).toContain(`antikythera_source_refused_total${labels} 3\n`)
  expect(body).toContain(`antikythera_source_rebalances_total${labels} 2\n`)
  expect(body).toContain(`antikythera_source_lag${labels} 70\n`)
})

test('the lag is not 0 while a source cannot be read, but unknown', async () => {
  const failing = { ...stats, lag: 0, code: 'SOURCE_MISSING', message: 'no topic t' }
  const sources: Record<string, typeof stats> = { 'kafka:t': stats, 'file:f': stats }
  const { app } = await openServed({ trainer: { sources } })
  const lags = async () => {
    const { body } = await app.inject('/metrics')
    return body.match(/^antikythera_(lag_events|source_lag).*$/gm) ?? []
  }
  expect(await lags()).toHaveLength(3)
  sources['kafka:t'] = failing
  expect(await lags()).toEqual(['antikythera_source_lag{model="m",source="file:f"} 70'])
  sources['kafka:t'] = stats
  expect(await lags()).toHaveLength(3)
})

test('what limits let go and what nobody reads is counted', async () => {
  const { app } = await openServed({
    trainer: { forgottenIds: 5, unknownKeys: 7, truncated: 9 },
    forgotten: () => ({ ids: 11, deadLetters: 13 }),
  })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_ids_forgotten_total{model="m",by="trainer"} 5\n')
  expect(body).toContain('antikythera_ids_forgotten_total{model="m",by="inbox"} 11\n')
  expect(body).toContain('antikythera_dead_letters_gone_total{model="m"} 13\n')
  expect(body).toContain('antikythera_unknown_keys_total{model="m"} 7\n')
  expect(body).toContain('antikythera_truncated_texts_total{model="m",by="trainer"} 9\n')
})

test('dead letters of the trainer are counted beside those of the requests', async () => {
  let counts = { EVENT_MALFORMED: 3 }
  const { app } = await openServed({ letterCounts: () => counts })
  await app.inject('/metrics')
  counts = { EVENT_MALFORMED: 5 }
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_dead_letters_total{model="m",code="EVENT_MALFORMED"} 5\n')
})

test('what the registry keeps is shown in versions and in bytes', async () => {
  const { app } = await openServed({ trainer: { kept: { versions: 51, bytes: 12_345 } } })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_versions_kept{model="m"} 51\n')
  expect(body).toContain('antikythera_versions_bytes{model="m"} 12345\n')
})

test('the size of each store on disk is shown, its log included', async () => {
  const folder = scratchFolder()
  writeFileSync(join(folder, 'inbox.db'), new Uint8Array(4096))
  writeFileSync(join(folder, 'inbox.db-wal'), new Uint8Array(100))
  writeFileSync(join(folder, 'trainer.lock'), 'x')
  const { app } = await openServed({ storeBytes: () => storeSizes(folder) })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_store_bytes{model="m",store="inbox"} 4196\n')
  expect(body.match(/^antikythera_store_bytes/gm)).toHaveLength(1)
  expect(storeSizes(join(folder, 'nothing'))).toEqual({})
})

test('alarms of drift are counted and told with the last one’s reason', async () => {
  const alarms = { count: 3, last: 'ddm: the error rate rose' }
  const { app } = await openServed({ trainer: { alarms } })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_drift_alarms_total{model="m"} 3\n')
  const described = (await app.inject('/v1/models/m')).json<{ drift: unknown }>()
  expect(described.drift).toEqual({ alarms: 3, last: 'ddm: the error rate rose' })
})

test('memory of the trainers is that of all their processes, each counted once', async () => {
  const { app } = await openServed({ trainer: { residentBytes: 4e8 } })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_resident_bytes{process="trainer"} 400000000\n')
  const reports = [
    { pid: 1, residentBytes: 100 },
    { pid: 1, residentBytes: 110 },
    { pid: 2, residentBytes: 50 },
  ]
  expect(bytesOfAll(reports)).toBe(160)
})

test('finished updates are counted, and each one’s step time is observed once', async () => {
  let updates = { count: 2, stepSeconds: [0.004, 0.2] }
  const { app } = await openServed({
    trainer: {
      get updates() {
        return updates
      },
    },
  })
  await app.inject('/metrics')
  updates = { count: 3, stepSeconds: [0.004, 0.2, 3] }
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_updates_total{model="m"} 3\n')
  expect(body).toContain('antikythera_step_seconds_count{model="m"} 3\n')
  expect(body).toContain('antikythera_step_seconds_bucket{le="0.005",model="m"} 1\n')
  updates = { count: 1, stepSeconds: [0.004] }
  expect((await app.inject('/metrics')).body).toContain('antikythera_updates_total{model="m"} 4\n')
})

test('a total that began anew is counted from its beginning', async () => {
  const metrics = openMetrics()
  const rising = new Rising(metrics)
  for (const total of [4, 4, 9, 2, 3]) rising.raise('unknownKeys', { model: 'm' }, total)
  expect(await metrics.text()).toContain('antikythera_unknown_keys_total{model="m"} 12\n')
  metrics.close()
})

test('a saved total that was not read yet, or is that of an older checkpoint, is not counted twice', async () => {
  const metrics = openMetrics()
  const rising = new Rising(metrics)
  for (const total of [4, 9, 0, 8, 9, 10])
    rising.raiseSaved('idsForgotten', { model: 'm', by: 'trainer' }, total)
  const text = await metrics.text()
  expect(text).toContain('antikythera_ids_forgotten_total{model="m",by="trainer"} 11\n')
  metrics.close()
})

test('a restarted trainer counts the CPU time of its model once', async () => {
  let training = 4
  const { app } = await openServed({
    trainer: {
      get compute() {
        return { training, evaluation: 1, lastHour: 5 }
      },
    },
  })
  await app.inject('/metrics')
  training = 3.5
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_update_cpu_seconds_total{model="m",part="training"} 4\n')
})

test('a backlog’s rate and the time that it takes stand in the model’s description', async () => {
  const progress = { ratePerSecond: 1234.5, etaSeconds: 8.1 }
  const { app } = await openServed({ trainer: { progress } })
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({
    progress: { rate: 1235, eta_seconds: 9 },
  })
  const quiet = await openServed()
  expect((await quiet.app.inject('/v1/models')).json()).not.toHaveProperty('models.0.progress')
})

test('requests to forget are counted by state, also those that a failed trainer blocks; certificates are those of this disk', async () => {
  const forgets = {
    tasks: () => [],
    certificates: () => [],
    certificate: () => undefined,
    count: () => 3,
  }
  const forgetting = { asked: 2, rebuilding: 1 }
  const ofState = async (state: 'idle' | 'failed' | 'standby') => {
    const { app } = await openServed({ forgets, trainer: { state, forgetting } })
    const { body } = await app.inject('/metrics')
    expect(body).toContain('antikythera_forget_certificates{model="m"} 3\n')
    return [...body.matchAll(/forget_requests\{model="m",state="(\w+)"\} (\d+)/g)].map(
      ([, state, count]) => `${state} ${count}`,
    )
  }
  expect(await ofState('idle')).toEqual(['asked 2', 'rebuilding 1', 'blocked 0'])
  expect(await ofState('failed')).toEqual(['asked 0', 'rebuilding 0', 'blocked 3'])
  expect(await ofState('standby')).toEqual([])
})

test('the widest gap between slices of what the live version served is shown with its bounds', async () => {
  const sliceGap = { best: 'a', worst: 'b', points: 20, low: 5, high: 31, slices: 2 }
  const parts = { strata: [], slices: [], sources: [], confusion: [] }
  const served = [{ version: 'v1', count: 90, error: 0.2, parts, sliceGap }]
  const { app } = await openServed({ trainer: { served } })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_served_slice_gap_ratio{model="m",bound="low"} 0.05\n')
  const { json } = await app.inject('/v1/models/m')
  expect(json()).toMatchObject({ served: { parts: { slice_gap: sliceGap } } })
})
