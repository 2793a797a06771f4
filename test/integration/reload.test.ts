/** SIGHUP: a configuration that was edited is taken over while the daemon answers on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { digestOf, newKey } from '../../src/platform/access/keys.ts'
import { oneDaemon } from './one-daemon.ts'

const [oldToken, newToken] = ['old-token-0123456789', 'new-token-0123456789']
let log = ''

/** A trainer that starts on a busy machine takes its time. */
const patient = 'request_ms: 180000'

function write(
  token: string,
  { limits = patient, more = '', every }: { limits?: string; more?: string; every: number },
): void {
  const model = `labels: [no, yes], adapter: { method: head }, trigger: { every: ${every}, rest: 0 }`
  writeFileSync(
    config,
    `server: { port: 0, auth: { tokens: [${token}] } }\nlimits: { ${limits} }\n${more}models: { m: { ${model} } }\n`,
  )
}

const daemon = oneDaemon(() => write(oldToken, { every: 16 }), 'pipe')
const { folder, config } = daemon

beforeAll(() => {
  daemon.process.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
})

async function get(path: string, token: string) {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${daemon.url}/v1/models/m/${path}`, { headers })
  return (await response.json()) as Record<string, unknown>
}

async function predictions(token: string): Promise<readonly string[]> {
  const { predictions } = await post('predict', { inputs: ['good'] }, token)
  return (predictions as { id: string }[]).map(({ id }) => id)
}

async function post(path: string, body: object, token = newToken) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  const response = await fetch(`${daemon.url}/v1/models/m/${path}`, request)
  return (await response.json()) as Record<string, unknown>
}

test('tokens, limits, level and trigger change; a port is refused by name; serving goes on', async () => {
  expect(await post('predict', { inputs: ['good'] }, oldToken)).toMatchObject({ version: 'v0' })
  const { pid } = (
    (await (
      await fetch(`${daemon.url}/v1/models/m`, { headers: { authorization: `Bearer ${oldToken}` } })
    ).json()) as { trainer: { pid: number } }
  ).trainer
  write(newToken, {
    every: 2,
    limits: `${patient}, text_characters: 4, queue: 99`,
    more: 'log: { level: debug }\n',
  })
  daemon.process.kill('SIGHUP')
  await vi.waitUntil(() => log.includes('the configuration was read again'), { timeout: 60_000 })

  expect(await post('predict', { inputs: ['good'] }, oldToken)).toMatchObject({ status: 401 })
  expect(await post('predict', { inputs: ['good'] })).toMatchObject({ version: 'v0' })
  expect(await post('predict', { inputs: ['goods'] })).toMatchObject({ code: 'INPUT_TOO_LONG' })
  expect(log).toMatch(/"key":"limits.queue".*cannot change while the daemon runs/)
  expect(log).not.toContain(newToken)

  const receipt = await post('feedback', {
    events: [
      { input: 'good', label: 'yes' },
      { input: 'bad', label: 'no' },
    ],
  })
  expect(receipt).toMatchObject({ accepted: 2, trigger_every: 2 })
  const asked = await post(`predict?wait_for=${String(receipt.position)}`, { inputs: ['good'] })
  expect(asked).toMatchObject({ version: 'v1' })
  const headers = { authorization: `Bearer ${newToken}` }
  const shown = (await (await fetch(`${daemon.url}/v1/models/m`, { headers })).json()) as {
    trainer: { pid: number; restarts: number }
  }
  expect(shown.trainer.restarts).toBe(0)
  expect(shown.trainer.pid).not.toBe(pid)
})

test('a configuration with a mistake changes nothing', async () => {
  writeFileSync(config, 'models: [')
  daemon.process.kill('SIGHUP')
  await vi.waitUntil(() => log.includes('cannot be reloaded'), { timeout: 60_000 })
  expect(await post('predict', { inputs: ['good'] })).toMatchObject({ version: 'v1' })
})

test('keys with roles and rates are taken over too, and what an operator does is in the audit log', async () => {
  const keys = { anna: newKey(), labels: newKey() }
  const entry = (name: keyof typeof keys, role: string, more = '') =>
    `{ name: ${name}, roles: [${role}], sha256: ${digestOf(keys[name])}${more} }`
  const rates = ', rate_limits: { source: { per_second: 0.001, burst: 1 } }'
  const times = () => log.split('the configuration was read again').length
  const reload = async (labels: string, more = '') => {
    const auth = `keys: [${entry('anna', 'predict, feedback, operate')}, ${labels}]`
    const model = 'labels: [no, yes], adapter: { method: head }, trigger: { every: 2, rest: 0 }'
    // As they are: the trainer goes on.
    const limits = `${patient}, text_characters: 4`
    const server = `{ port: 0, auth: { ${auth} }${more} }`
    writeFileSync(config, `server: ${server}\nlimits: { ${limits} }\nmodels: { m: { ${model} } }\n`)
    const before = times()
    daemon.process.kill('SIGHUP')
    await vi.waitUntil(() => times() > before, { timeout: 60_000 })
  }
  await reload(entry('labels', 'feedback'), rates)

  expect(await post('predict', { inputs: ['good'] }, newToken)).toMatchObject({ status: 401 })
  const refused = await post('predict', { inputs: ['good'] }, keys.labels)
  expect(refused).toMatchObject({ code: 'ROLE_MISSING', key: 'labels' })
  const events = ['good', 'fine'].map((input) => ({ source: 'loud', input, label: 'yes' }))
  expect(await post('feedback', { events }, keys.labels)).toMatchObject({
    accepted: 1,
    rejected: [{ index: 1, code: 'SOURCE_RATE_LIMITED' }],
  })
  await reload(entry('labels', 'feedback', ', sources: [desk]'))
  const [answer] = await predictions(keys.anna)
  const said = { prediction_id: answer, source: 'web', id: 'w-1', label: 'yes' }
  expect(await post('feedback', said, keys.anna)).toMatchObject({ accepted: 1 })
  const retraction = { prediction_id: answer, source: 'desk', id: 'd-1', retract: true }
  await post('feedback', retraction, keys.labels)
  const letters = async () => JSON.stringify(await get('dead-letters', keys.anna))
  const isRefused = async () => (await letters()).includes('RETRACTION_UNMATCHED')
  await vi.waitUntil(isRefused, { timeout: 20_000 })

  await post('pause', { reason: 'look' }, keys.anna)
  const lines = readFileSync(join(folder, 'data', 'audit', '1.jsonl'), 'utf8')
  expect(JSON.parse(lines)).toMatchObject({
    ...{ key: 'anna', path: '/v1/models/m/pause', status: 202, body: { reason: 'look' } },
  })
  for (const key of Object.values(keys)) expect(log + lines).not.toContain(key)
})
