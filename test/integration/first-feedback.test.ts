/** The first minute of a user, on the default trigger: one feedback changes the answer, and a rollback takes it back. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'

const model = `{ labels: [no, yes], adapter: { method: head } }`
const late = `${model.slice(0, -2)}, sources: [{ http: {} }, { file: { path: late.jsonl } }] }`
const filed = `${model.slice(0, -2)}, sources: [{ file: { path: filed.jsonl } }] }`
const models = Object.entries({ first: model, second: model, late, filed })
const daemon = oneDaemon((folder) => {
  writeFileSync(
    join(folder, 'filed.jsonl'),
    `${JSON.stringify({ input: 'so so', label: 'maybe' })}\n`,
  )
  const lines = models.map(([name, each]) => `  ${name}: ${each}\n`).join('')
  const config = `server: { port: 0 }\nlog: { level: warn }\nmodels:\n${lines}`
  writeFileSync(join(folder, 'antikythera.yaml'), config)
})
const { folder, get } = daemon
const post = daemon.post<Record<string, unknown>>

const input = 'what a lovely phone'

test('one feedback changes the live answer, and a rollback goes back to v0', async () => {
  const before = await post('first/predict', { inputs: [input] })
  expect(before.version).toBe('v0')
  const receipt = await post('first/feedback', { input, label: 'yes' })
  expect(receipt).toMatchObject({ accepted: 1, pending: 1, trigger_every: 16 })
  const learned = async () => (await post('first/predict', { inputs: [input] })).version === 'v1'
  await vi.waitUntil(learned, { timeout: 60_000, interval: 50 })
  expect(await post('first/predict', { inputs: [input] })).toMatchObject({
    predictions: [{ label: 'yes' }],
  })
  expect(await post('first/rollback', { reason: 'a wrong label' })).toMatchObject({ live: 'v0' })
  const after = await post('first/predict', { inputs: [input] })
  expect(after).toMatchObject({ version: 'v0', digest: before.digest })
})

test('a request that waits for the position of a feedback is answered by the version that has learned it', async () => {
  const { position } = await post('first/feedback', { input: 'how awful', label: 'no' })
  expect(typeof position).toBe('string')
  const asked = await post(`first/predict?wait_for=${String(position)}`, { inputs: ['how awful'] })
  expect(asked).toMatchObject({ predictions: [{ label: 'no' }] })
  const shown = await get<object>('first')
  expect(shown).toMatchObject({ lag: 0, pending: 0, live: { version: asked.version } })
})

test('the command waits too', async () => {
  const args = ['--text', 'so good', '--label', 'yes', '--wait', '--json', '--url', daemon.url]
  const { json } = await runCli('feedback', '--model', 'first', ...args)
  const { live } = json() as { live: string }
  const versions = await get<{
    versions: { version: string; live: boolean; events_new: number }[]
  }>('first/versions')
  expect(versions.versions[0]).toMatchObject({ version: live, live: true, events_new: 1 })
})

test('the command says how far the next update is', async () => {
  const event = JSON.stringify({ input, label: 'yes' })
  const file = join(folder, 'one.jsonl')
  writeFileSync(file, `${event}\n`)
  const { stdout } = await runCli(
    ...['feedback', '--model', 'second', '--file', file, '--url', daemon.url],
  )
  expect(stdout).toContain('pending: 1 of 16, learned at 16, or after 1 s of rest')
})

test('a source that is missing keeps no other waiting, is named, and is read when it is there', async () => {
  const { position } = await post('late/feedback', { input, label: 'yes' })
  const asked = await post(`late/predict?wait_for=${String(position)}`, { inputs: [input] })
  expect(asked).toMatchObject({ version: 'v1' })
  const show = async () =>
    get<{
      faults?: object[]
      counts: { learned: number }
    }>('late')
  const path = join(folder, 'late.jsonl')
  const missing = { source: `file:${path}`, code: 'SOURCE_MISSING' }
  expect((await show()).faults).toMatchObject([missing])
  expect(await (await fetch(`${daemon.url}/readyz`)).json()).toMatchObject({
    ready: true,
    degraded: [{ model: 'late', part: 'source', ...missing }],
  })
  const { stdout } = await runCli('status', '--url', daemon.url)
  expect(stdout).toContain(`late: source file:${path}: SOURCE_MISSING`)
  writeFileSync(path, `${JSON.stringify({ id: 'l-1', input: 'how awful', label: 'no' })}\n`)
  await vi.waitUntil(async () => (await show()).counts.learned === 2, { timeout: 60_000 })
  expect((await show()).faults).toBeUndefined()
})

test('a model that reads no feedback over HTTP takes none that it would never learn, and keeps its dead letters', async () => {
  const refused = { code: 'FEEDBACK_NOT_READ', status: 409 }
  expect(await post('filed/feedback', { input, label: 'yes' })).toMatchObject(refused)
  const letters = async () =>
    get<{ dead_letters: { id: number; code: string }[] }>('filed/dead-letters')
  await vi.waitUntil(async () => (await letters()).dead_letters.length > 0, { timeout: 60_000 })
  const ids = (await letters()).dead_letters.map(({ id }) => id)
  expect(await post('filed/dead-letters/resend', { ids })).toMatchObject(refused)
  expect((await letters()).dead_letters).toMatchObject([{ code: 'LABEL_UNKNOWN' }])
  expect(await get('filed')).toMatchObject({ lag: 0 })
})
