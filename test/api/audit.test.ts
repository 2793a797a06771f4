/** What operators do is recorded with the name of their key before it is answered, and can be read. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { digestOf, newKey, type Role } from '../../src/platform/access/keys.ts'
import type { AuditRecord } from '../../src/platform/audit/audit-log.ts'
import { openServed, type ServedOptions } from './open-served.ts'

const names: Readonly<Record<string, readonly Role[]>> = {
  anna: ['operate'],
  labels: ['feedback'],
  page: ['read'],
}
const keys = Object.fromEntries(Object.keys(names).map((name) => [name, newKey()]))
const auth = {
  tokens: ['token-of-16-bytes'],
  keys: Object.entries(names).map(([name, roles]) => {
    return { name, roles, sha256: digestOf(keys[name]!) }
  }),
}

async function open(options: ServedOptions = {}) {
  const served = await openServed({ auth, ...options })
  const as = (
    name: string,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object,
  ) =>
    served.app.inject({
      ...{ method, url },
      headers: { authorization: `Bearer ${keys[name] ?? name}`, 'x-forwarded-for': '10.1.2.3' },
      remoteAddress: '192.0.2.7',
      ...(body && { payload: body }),
    })
  const records = async () =>
    (await as('page', 'GET', '/v1/audit')).json<{ records: AuditRecord[] }>().records
  return { ...served, as, records }
}

test('each action is in the log before its answer: which key, what, from where, and the result', async () => {
  const { as, auditFolder, records } = await open()
  const body = { to: 'v0', reason: 'bad batch' }
  const answer = await as('anna', 'POST', '/v1/models/m/rollback', body)
  expect(answer.statusCode).toBe(200)
  const line = readFileSync(join(auditFolder, '1.jsonl'), 'utf8')
  expect(JSON.parse(line)).toMatchObject({
    ...{ key: 'anna', method: 'POST', path: '/v1/models/m/rollback', body },
    ...{ from: '192.0.2.7', forwarded_for: '10.1.2.3', status: 200 },
  })
  const pin = '/v1/models/m/versions/v0/pin'
  await as('token-of-16-bytes', 'PUT', pin)
  const reason = { reason: 'the one before the audit' }
  await as('anna', 'DELETE', pin, reason)
  expect((await records())[0]).toMatchObject({ method: 'DELETE', path: pin, body: reason })
  await as('anna', 'POST', '/v1/models/m/promote', { version: 'v99', reason: 'r' })
  expect(await records()).toMatchObject([
    { key: 'anna', status: 404, code: 'VERSION_UNKNOWN', body: { version: 'v99' } },
    { key: 'anna', method: 'DELETE', status: 200 },
    { key: 'token-1', method: 'PUT', path: pin, status: 200 },
    { key: 'anna', status: 200 },
  ])
})

test('what reads, predicts or teaches is not an action, and a request without a key leaves no trace', async () => {
  const { as, records, app } = await open()
  await as('anna', 'GET', '/v1/models/m/history')
  await as('labels', 'POST', '/v1/models/m/feedback', { input: { text: 'A' }, label: 'yes' })
  await as('token-of-16-bytes', 'POST', '/v1/models/m/predict', { inputs: ['A'] })
  await app.inject({ method: 'POST', url: '/v1/models/m/rollback', payload: { reason: 'r' } })
  expect(await records()).toEqual([])
})

test('a key that tries what it may not is recorded, but cannot push the actions out of the log', async () => {
  const { as, records, metrics } = await open()
  await as('anna', 'POST', '/v1/models/m/pause', { reason: 'look' })
  for (let at = 0; at < 400; at += 1)
    await as('labels', 'POST', '/v1/models/m/rollback', { reason: 'r' })
  await as('anna', 'POST', '/v1/models/m/resume', { reason: 'looked' })
  const all = await records()
  expect(all[0]).toMatchObject({ key: 'anna', path: '/v1/models/m/resume' })
  expect(all[1]).toMatchObject({ key: 'labels', status: 403, code: 'ROLE_MISSING' })
  const text = await metrics.text()
  const [written = 0, left = 0] = ['written', 'left_out'].map((result) =>
    Number(text.split(`audit_records_total{result="${result}"} `)[1]?.split('\n')[0]),
  )
  expect(written + left).toBe(402)
  expect(written).toBeGreaterThanOrEqual(102)
  expect(left).toBeGreaterThan(0)
})

test('the log holds no key, in no form', async () => {
  const { as, auditFolder } = await open()
  await as('anna', 'POST', '/v1/models/m/rollback', { reason: 'r' })
  const text = readFileSync(join(auditFolder, '1.jsonl'), 'utf8')
  expect(text).not.toContain(keys.anna)
  expect(text).not.toContain(digestOf(keys.anna!))
})

test('a long body is cut', async () => {
  const { as, records } = await open()
  await as('anna', 'POST', '/v1/models/m/rollback', { reason: 'x'.repeat(1999) })
  const [{ body } = { body: null }] = await records()
  expect(body).toMatch(/^\{"reason":"x{1989}…$/)
})

test('an action works although its record cannot be written, and the loss is logged and counted', async () => {
  const { as, auditFolder, log, metrics, records } = await open()
  rmSync(auditFolder, { recursive: true, force: true })
  writeFileSync(auditFolder, 'a file in the place of the folder')
  const answer = await as('anna', 'POST', '/v1/models/m/rollback', { to: 'v0', reason: 'fire' })
  expect(answer.statusCode).toBe(200)
  const faults = log.lines.filter(({ message }) => message.includes('audit log'))
  expect(faults).toMatchObject([{ level: 'error', details: { record: { key: 'anna' } } }])
  expect(await metrics.text()).toContain('antikythera_audit_records_total{result="failed"} 1\n')
  rmSync(auditFolder)
  mkdirSync(auditFolder)
  await as('anna', 'POST', '/v1/models/m/promote', { version: 'v1', reason: 'back' })
  expect(await records()).toMatchObject([{ key: 'anna', path: '/v1/models/m/promote' }])
})

test('pages of the log follow each other, and need the role read', async () => {
  const { as } = await open()
  for (const reason of ['a', 'b', 'c']) await as('anna', 'POST', '/v1/models/m/pause', { reason })
  interface Page {
    records: AuditRecord[]
    next?: string
  }
  const first = (await as('page', 'GET', '/v1/audit?limit=2')).json<Page>()
  const rest = (await as('page', 'GET', `/v1/audit?limit=2&before=${first.next}`)).json<Page>()
  expect([...first.records, ...rest.records].map(({ body }) => body)).toEqual(
    ['c', 'b', 'a'].map((reason) => ({ reason })),
  )
  expect(rest).not.toHaveProperty('next')
  expect((await as('labels', 'GET', '/v1/audit')).statusCode).toBe(403)
  expect((await as('page', 'GET', '/v1/audit?before=../x')).statusCode).toBe(400)
})

test('the history says which key moved the pointer, and without auth nothing of the kind', async () => {
  const { as } = await open()
  await as('anna', 'POST', '/v1/models/m/rollback', { to: 'v0', reason: 'r' })
  await as('anna', 'POST', '/v1/models/m/pause', { reason: 'p' })
  const again = { version: 'v1', reason: 'q', undone: true }
  await as('token-of-16-bytes', 'POST', '/v1/models/m/promote', again)
  const history = (await as('page', 'GET', '/v1/models/m/history?limit=4')).json<{
    moves: object[]
  }>()
  expect(history.moves).toMatchObject([
    { by: 'promote', actor: 'token-1' },
    { by: 'pause', actor: 'anna' },
    { by: 'rollback', actor: 'anna' },
    { by: expect.any(String) as string },
  ])
  expect(history.moves[3]).not.toHaveProperty('actor')
  const { app } = await openServed()
  const post = { method: 'POST', url: '/v1/models/m/rollback', payload: { reason: 'r' } } as const
  await app.inject(post)
  const { moves } = (await app.inject('/v1/models/m/history')).json<{ moves: object[] }>()
  expect(moves[0]).not.toHaveProperty('actor')
})
