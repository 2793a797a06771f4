/** A request has its answer by its own deadline, although one timer serves them all. */
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { addDeadline } from '../../src/api/http/open-requests.ts'
import { CodedError } from '../../src/contracts/core.ts'
import { limitTable } from '../../src/platform/limits.ts'
import { openFakeClock, settled } from '../serving/fake-clock.ts'
import { openServed } from './open-served.ts'

const LIMIT_MS = 1000

async function open() {
  const clock = openFakeClock()
  const sleeps: number[] = []
  const counting = {
    ...clock,
    sleep(delayMs: number, signal?: AbortSignal) {
      sleeps.push(delayMs)
      return clock.sleep(delayMs, signal)
    },
  }
  const app = Fastify()
  const held: (() => void)[] = []
  const signals: AbortSignal[] = []
  addDeadline(app, LIMIT_MS, counting)
  app.setErrorHandler((error, _request, reply) =>
    reply.code(503).send(error instanceof CodedError ? error.code : String(error)),
  )
  app.get('/at-once', (_request, reply) => reply.send('here'))
  app.get('/held', async ({ over }) => {
    signals.push(over)
    await new Promise<void>((resolve) => held.push(resolve))
    return 'late'
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(async () => {
    for (const answer of held) answer()
    await app.close()
  })
  const ask = async (path: string) => (await fetch(`${url}${path}`)).text()
  const waiting = async (count: number) => {
    while (held.length < count) await settled()
  }
  return { app, clock, sleeps, held, signals, ask, waiting }
}

test('each of two requests that hang gets DEADLINE_EXCEEDED when its own time is up', async () => {
  const { clock, ask, waiting, signals } = await open()
  const first = ask('/held')
  await waiting(1)
  await clock.advance(400)
  const second = ask('/held')
  await waiting(2)
  await clock.advance(600)
  expect(await first).toBe('DEADLINE_EXCEEDED')
  expect(signals[1]!.aborted).toBe(false)
  await clock.advance(399)
  expect(signals[1]!.aborted).toBe(false)
  await clock.advance(1)
  expect(await second).toBe('DEADLINE_EXCEEDED')
})

test('answers in time start no timers of their own, and abort their signals', async () => {
  const { clock, ask, sleeps, held, signals, waiting } = await open()
  for (let request = 0; request < 20; request += 1) expect(await ask('/at-once')).toBe('here')
  expect(sleeps).toHaveLength(1)
  await clock.advance(LIMIT_MS)
  const last = ask('/held')
  await waiting(1)
  expect(sleeps).toHaveLength(2)
  held[0]!()
  expect(await last).toBe('late')
  while (!signals[0]!.aborted) await settled()
  expect(signals[0]!.reason).toMatchObject({ code: 'CLIENT_GONE' })
})

test('a request that hangs while the server closes still gets its answer', async () => {
  const { app, clock, ask, waiting } = await open()
  const hanging = ask('/held')
  await waiting(1)
  const closing = app.close()
  await clock.advance(LIMIT_MS)
  expect(await hanging).toBe('DEADLINE_EXCEEDED')
  await closing
})

test('a server opens with the longest limits.request_ms that there is', async () => {
  const { app } = await openServed({ limits: { request_ms: limitTable.request_ms.most } })
  expect(app.server.requestTimeout).toBe(600_000)
})
