import { expect, test } from 'vitest'
import { openFollowedModel } from '../../src/serving/live/followed-model.ts'
import { rejection } from '../coded.ts'
import { openFakeClock, settled } from '../serving/fake-clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { openFakeRegistry } from '../serving/fake-registry.ts'
import { openServed } from './open-served.ts'

const HEADER = 'x-antikythera-min-generation'

async function open(waitMs?: number) {
  const served = await openServed(
    waitMs === undefined ? {} : { limits: { min_generation_ms: waitMs } },
  )
  const ask = (generation: string | string[]) =>
    served.app.inject({
      method: 'POST',
      url: '/v1/models/m/predict',
      headers: { [HEADER]: generation },
      payload: { inputs: ['A'] },
    })
  const show = (generation: string) =>
    served.app.inject({ url: '/v1/models/m', headers: { [HEADER]: generation } })
  return { ...served, ask, show }
}

test('a generation that is there already is answered from at once', async () => {
  const { ask, show, clock } = await open()
  for (const generation of ['0', '1', '2']) {
    expect((await ask(generation)).json()).toMatchObject({ version: 'v1', generation: 2 })
    expect((await show(generation)).json()).toMatchObject({ live: { generation: 2 } })
  }
  expect(clock.nowMs()).toBe(1_000_000)
})

test('requests wait for the generations that they insist on, and are answered from them', async () => {
  const { ask, show, registry } = await open(30_000)
  const waiting = [ask('3'), ask('4'), ask('4')]
  const shown = show('4')
  await settled()
  await registry.promote('v2')
  expect((await waiting[0])?.json()).toMatchObject({ version: 'v2', generation: 3 })
  await registry.promote('v3')
  for (const later of waiting.slice(1))
    expect((await later).json()).toMatchObject({ version: 'v3', generation: 4 })
  expect((await shown).headers['x-antikythera-generation']).toBe('4')
})

test('the wait is bounded, and the refusal says where this replica is and when to come again', async () => {
  const { ask, clock } = await open(1500)
  const waiting = ask('9')
  await settled()
  await clock.advance(1500)
  const refused = await waiting
  expect(refused.json()).toMatchObject({
    status: 503,
    code: 'GENERATION_NOT_REACHED',
    generation: 2,
    wanted: 9,
  })
  expect(refused.headers['retry-after']).toBe('1')
})

test('the generation that a rollback answers can be insisted upon', async () => {
  const { app, ask, registry } = await open()
  await registry.promote('v4')
  const rollback = { method: 'POST', url: '/v1/models/m/rollback' } as const
  const moved = await app.inject({ ...rollback, payload: { reason: 'bad labels' } })
  const generation = String(moved.headers['x-antikythera-generation'])
  expect(moved.json()).toMatchObject({ version: 'v1', digest: 'digest-v1', generation: 4 })
  expect((await ask(generation)).json()).toMatchObject({ version: 'v1', generation: 4 })
})

test.each(['-1', '1.5', 'v3', '', ' ', '1e3', '9'.repeat(16), '1, 2'])(
  'the header %j is refused as the fault of the caller',
  async (text) => {
    const { ask, show } = await open()
    const refused = [await ask(text), await show(text)]
    for (const response of refused)
      expect(response.json()).toMatchObject({
        status: 400,
        code: 'REQUEST_INVALID',
        header: HEADER,
      })
  },
)

test('a client that goes away while it waits is waited for no longer', async () => {
  const { live, server, port } = await listening()
  const gone = new AbortController()
  const asked = fetch(`http://127.0.0.1:${port}/v1/models/m`, {
    headers: { [HEADER]: '99' },
    signal: gone.signal,
  })
  await expect.poll(() => live.waiting).toBe(1)
  gone.abort()
  await expect(asked).rejects.toThrow()
  await expect.poll(() => live.waiting).toBe(0)
  await server.close()
})

/** Counts who waits, over a real connection: `inject` has none that could break. */
async function listening() {
  const served = await openServed({ limits: { min_generation_ms: 30_000 } })
  const until = served.live.until.bind(served.live)
  const live = { waiting: 0 }
  served.live.until = async (...args) => {
    live.waiting += 1
    return until(...args).finally(() => (live.waiting -= 1))
  }
  const { url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  return { live, server: served.server, port: new URL(url).port }
}

test('a daemon that only trains knows what is live, and can be insisted upon too', async () => {
  const registry = openFakeRegistry('m', 6)
  await registry.promote('v0')
  const options = { model: 'm', registry, clock: openFakeClock(), log: openFakeLog() }
  const followed = await openFollowedModel(options)
  expect(followed.live()).toMatchObject({ pointer: { live: { version: 'v0' }, generation: 1 } })
  const waiting = followed.until(2, { waitMs: 1000 })
  await registry.promote('v5')
  expect(await waiting).toBe(true)
  expect(followed.live()?.manifest.version).toBe('v5')
  const question = { inputs: [{ kind: 'text' as const, text: 'A' }] }
  expect(await rejection(followed.predict(question))).toMatchObject({ code: 'ROLE_TRAINER' })
  expect(await rejection(followed.prove('v5'))).toMatchObject({ code: 'ROLE_TRAINER' })
  await followed.close()
  await registry.promote('v1')
  await settled()
  expect(followed.live()?.manifest.version).toBe('v5')
})
