/** One damaged store is the fault of one model, and of no more of it than needs that store. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { rejection } from '../coded.ts'
import { startDaemon } from '../../src/app/daemon.ts'
import { openLog } from '../../src/platform/log.ts'
import { prepared, spoil, start } from './damaged-rig.ts'

const fault = (part: string, code: string, message: string) => ({
  degraded: [
    {
      ...{ model: 'a', part, code },
      message: expect.stringContaining(message) as string,
      fix: expect.stringContaining('antikythera recover a') as string,
    },
  ],
})

test('a damaged registry.db fails its model by name, and the other one answers', async () => {
  const { config, file } = await prepared()
  spoil(file('registry.db'))
  const { call, predict, feedback } = await start(config)
  const ready = await call('/readyz')
  expect(ready).toMatchObject({ status: 200, json: { ready: true } })
  expect(ready.json).toMatchObject(fault('model', 'STORE_CORRUPT', 'registry.db'))
  for (const refused of [await predict('a'), await feedback('a')]) {
    expect(refused).toMatchObject({ status: 503, json: { code: 'STORE_CORRUPT' } })
    expect(refused.json.fix).toContain('antikythera recover')
  }
  expect(await predict('b')).toMatchObject({ status: 200, json: { version: 'v3' } })
  expect(await feedback('b')).toMatchObject({ status: 202 })
  const shown = await call('/v1/models/a')
  expect(shown.json).toMatchObject({ live: null, faults: [{ code: 'STORE_CORRUPT' }] })
  expect((await call('/v1/models')).status).toBe(200)
})

test('without its inbox a model answers, and its feedback is refused', async () => {
  const { config, file } = await prepared()
  spoil(file('inbox.db'))
  const { call, predict, feedback } = await start(config)
  expect((await call('/readyz')).json).toMatchObject(fault('inbox', 'STORE_CORRUPT', 'inbox.db'))
  expect(await predict('a')).toMatchObject({ status: 200, json: { version: 'v3' } })
  expect(await feedback('a')).toMatchObject({ status: 503, json: { code: 'STORE_CORRUPT' } })
  expect(await feedback('b')).toMatchObject({ status: 202 })
})

test('without its dead letters a model answers and takes feedback', async () => {
  const { config, file } = await prepared()
  spoil(file('dead-letters.db'))
  const { call, predict, feedback } = await start(config)
  const { json } = await call('/readyz')
  expect(json).toMatchObject(fault('dead_letters', 'STORE_CORRUPT', 'dead-letters.db'))
  expect((await predict('a')).status).toBe(200)
  expect((await feedback('a')).status).toBe(202)
})

test('a daemon without a model that works says why and ends', async () => {
  const { config, file } = await prepared(['a'])
  spoil(file('registry.db'))
  const starting = startDaemon(config, { log: openLog({ level: 'silent' }) })
  expect(await rejection(starting)).toMatchObject({ code: 'STORE_CORRUPT' })
})

test('one flipped bit in the live version: the one before it answers, and says so', async () => {
  const { config, file } = await prepared()
  for (const version of ['v3', 'v2']) {
    const path = file(`versions/${version}/head.safetensors`)
    const bytes = readFileSync(path)
    bytes[bytes.length - 2]! ^= 1
    writeFileSync(path, bytes)
  }
  const { call, predict } = await start(config)
  expect(await predict('a')).toMatchObject({ status: 200, json: { version: 'v1', generation: 2 } })
  const { json } = await call('/readyz')
  expect(json).toMatchObject({ ready: true, degraded: [{ part: 'live', code: 'VERSION_CORRUPT' }] })
  expect((await call('/v1/models/a')).json).toMatchObject({
    live: { version: 'v1' },
    failed_swap: { version: 'v3', code: 'VERSION_CORRUPT' },
  })
})

test('a data folder that is removed: feedback is refused, /readyz says so, answers go on', async () => {
  const { config } = await prepared(['a'])
  const { call, predict, feedback } = await start(config)
  expect((await feedback('a')).status).toBe(202)
  renameSync(config.data_dir, `${config.data_dir}.away`)
  expect(await feedback('a')).toMatchObject({ status: 503, json: { code: 'STORE_REPLACED' } })
  await expect
    .poll(async () => (await call('/readyz')).json, { timeout: 20_000 })
    .toMatchObject({ ready: true, degraded: [{ part: 'data_dir', code: 'STORE_REPLACED' }] })
  expect((await predict('a')).status).toBe(200)
  renameSync(`${config.data_dir}.away`, config.data_dir)
  expect((await feedback('a')).status).toBe(202)
})

test.each(['a file', 'below a file'])('a data_dir that is %s is refused by name', async (where) => {
  const { config } = await prepared(['a'])
  const file = `${config.data_dir}.txt`
  writeFileSync(file, '')
  const data_dir = where === 'a file' ? file : `${file}/data`
  const log = openLog({ level: 'silent' })
  const error = await rejection(startDaemon({ ...config, data_dir }, { log }))
  expect(error).toMatchObject({ code: 'DATA_DIR_UNWRITABLE' })
  expect(error.message).toContain(data_dir)
})
