/** The client of the commands where its daemon answers badly, or too soon. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openClient, type ModelClient } from '../../src/client/client.ts'
import { outcomeText, waitForLearned } from '../../src/cli/remote/wait-for.ts'
import { failure } from '../../src/platform/errors.ts'
import { rejection } from '../coded.ts'

test('an answer whose connection breaks after its head is a failed connection, which may be tried again', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{"accepted":', () => response.destroy())
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const client = openClient({ url: `http://127.0.0.1:${port}` })
  const error = await rejection(client.models())
  expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retriable: true })
})

test('a daemon behind a proxy is asked below the path of its URL', async () => {
  const asked: unknown[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.end('{}')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  for (const path of ['', '/', '/ml', '/ml/'])
    await openClient({ url: `http://127.0.0.1:${port}${path}` }).audit({ limit: '1' })
  const plain = '/v1/audit?limit=1'
  expect(asked).toEqual([plain, plain, `/ml${plain}`, `/ml${plain}`])
})

test('feedback --wait says that a rollback or the defence took out meanwhile what was sent', async () => {
  const live = { version: 'v4' }
  const answers = [
    { live, counts: { set_aside: 2 } },
    { live, counts: { set_aside: 102, quarantined: 3 } },
    { live, counts: { set_aside: 102, quarantined: 3 } },
  ]
  const describe = vi.fn(async () => Promise.resolve(answers.shift() ?? { live, counts: {} }))
  const api = {
    ...openClient({ url: 'http://127.0.0.1:1' }).model('m'),
    describe,
  } as unknown as ModelClient
  const outcome = await waitForLearned({ api }, '5', 0.5)
  expect(outcomeText(outcome!)).toBe(
    'v4 is live; a rollback set 100 events aside: antikythera relearn, or discard; the defence kept 3 events back: antikythera quarantine list',
  )
  const next = await waitForLearned({ api }, '6', 0.5)
  expect(outcomeText(next!)).toBe('learned: v4 is live')
})

test('feedback --wait asks a daemon that answers at once only now and then', async () => {
  const describe = vi.fn(async () => {
    await Promise.resolve()
    throw failure('POSITION_NOT_REACHED', 'not yet')
  })
  const api = { ...openClient({ url: 'http://127.0.0.1:1' }).model('m'), describe }
  const error = await rejection(waitForLearned({ api }, '5', 0.5))
  expect(error).toMatchObject({ code: 'POSITION_NOT_REACHED' })
  expect(describe.mock.calls.length).toBeLessThan(6)
})
