/** Events of a source over HTTP: more than its rate waits, and says so; other sources do not. */
import { expect, test } from 'vitest'
import { digestOf, newKey } from '../../src/platform/access/keys.ts'
import { openServed, type ServedOptions } from './open-served.ts'

async function open(options: ServedOptions) {
  const served = await openServed(options)
  const send = (body: object) =>
    served.app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload: body })
  return { ...served, send }
}

const event = (source: string, id: string) => ({
  ...{ source, id },
  input: { text: `${source} ${id}` },
  label: 'yes',
})
const rates = { source: { per_second: 0.001, burst: 2 }, sources: {} }
const of = (source: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => event(source, `e-${from + at}`))

test('of one body the source that sends too much waits, and the others are taken', async () => {
  const { send, journal, letters, metrics } = await open({ rates })
  const answer = await send({ events: [...of('loud', 5), ...of('calm', 2)] })
  expect(answer.statusCode).toBe(202)
  expect(answer.json()).toMatchObject({
    accepted: 4,
    rejected: [2, 3, 4].map((index) => ({ index, code: 'SOURCE_RATE_LIMITED' })),
  })
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(900)
  expect(journal()).toHaveLength(4)
  // Its sender still has it, and it is good: no dead letter.
  expect(letters).toEqual([])
  const text = await metrics.text()
  expect(text).toContain('{model="m",code="SOURCE_RATE_LIMITED"} 3\n')
  expect(text).not.toMatch(/dead_letters_total\{.*SOURCE_RATE_LIMITED/)
  expect(text).toContain('antikythera_rate_limited_names{kind="source"} 2\n')
})

test('if nothing came through the answer is 429 with Retry-After, and says what was refused', async () => {
  const { send, journal } = await open({ rates })
  await send({ events: of('loud', 2) })
  for (const body of [event('loud', 'late'), { events: of('loud', 2, 7) }]) {
    const refused = await send(body)
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({ code: 'SOURCE_RATE_LIMITED', source: 'loud' })
    expect(refused.json<{ rejected: object[] }>().rejected.length).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(900)
  }
  expect(journal()).toHaveLength(2)
})

test('invalid events are refused for what they are, and take nothing from the rate of a source', async () => {
  const { send, letters } = await open({ rates })
  const bad = of('loud', 5).map((each) => ({ ...each, label: 'maybe' }))
  const answer = await send({ events: [...bad, ...of('loud', 2, 10)] })
  expect(answer.json()).toMatchObject({ accepted: 2 })
  expect(letters).toHaveLength(5)
})

test('a source with a rate of its own has that one, in any case of names', async () => {
  const sources = { crowd: { per_second: 0.001, burst: 1 }, toString: { per_second: 1, burst: 50 } }
  const { send } = await open({ rates: { source: { per_second: 0.001, burst: 9 }, sources } })
  const accepted = async (source: string) =>
    (await send({ events: of(source, 20) })).json<{ accepted: number }>().accepted
  expect([await accepted('crowd'), await accepted('other'), await accepted('valueOf')]).toEqual([
    1, 9, 9,
  ])
})

test('events without a source share the rate of http', async () => {
  const { send } = await open({ rates })
  const events = of('x', 5).map(({ source: _, ...rest }) => rest)
  expect((await send({ events })).json()).toMatchObject({ accepted: 2 })
})

test('dead letters that a person sends again are not limited', async () => {
  const { send, app } = await open({ rates: { ...rates, source: { per_second: 0.001, burst: 1 } } })
  const bad = of('loud', 3).map((each) => ({ ...each, label: 'maybe' }))
  await send({ events: bad })
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/models/m/dead-letters/resend',
    payload: { all: true },
  })
  expect(answer.json<{ rejected: object[] }>().rejected).toEqual(
    [0, 1, 2].map(() => expect.objectContaining({ code: 'LABEL_UNKNOWN' }) as object),
  )
})

test('a key speaks for its own sources: events that name another are refused, one by one, and take nothing from it', async () => {
  const [desk, other] = [newKey(), newKey()]
  const auth = {
    tokens: [],
    keys: [
      { name: 'desk', roles: ['feedback'], sha256: digestOf(desk), sources: ['desk', 'shop'] },
      { name: 'other', roles: ['feedback'], sha256: digestOf(other) },
    ],
  } as const
  const { app, journal, letters } = await openServed({ auth, rates })
  const send = async (key: string, body: object) =>
    app.inject({
      ...{ method: 'POST', url: '/v1/models/m/feedback', payload: body },
      headers: { authorization: `Bearer ${key}` },
    })
  const events = [...of('desk', 1), ...of('victim', 3), ...of('shop', 1)]
  expect((await send(desk, { events })).json()).toMatchObject({
    accepted: 2,
    rejected: [1, 2, 3].map((index) => ({ index, code: 'SOURCE_REFUSED' })),
  })
  const { source: _, ...nameless } = event('', 'n-1')
  const refused = await send(desk, nameless)
  expect(refused.statusCode).toBe(403)
  expect(refused.json()).toMatchObject({ code: 'SOURCE_REFUSED', source: 'http' })
  // Nothing that could be sent again without the check.
  expect(letters).toEqual([])
  // The rate of the source that it named is untouched.
  expect((await send(other, { events: of('victim', 2, 9) })).json()).toMatchObject({ accepted: 2 })
  expect(journal()).toHaveLength(4)
})

test('a key with sources may not take back an event without naming its source: that reaches every source', async () => {
  const key = newKey()
  const own = {
    name: 'own',
    roles: ['feedback'],
    sha256: digestOf(key),
    sources: ['http'],
  } as const
  const { app } = await openServed({ auth: { tokens: [], keys: [own] } })
  const send = async (payload: object) =>
    app.inject({
      ...{ method: 'POST', url: '/v1/models/m/feedback', payload },
      headers: { authorization: `Bearer ${key}` },
    })
  const refused = await send({ id: 'e-1', retract: true })
  expect(refused.statusCode).toBe(403)
  expect(refused.json()).toMatchObject({
    code: 'SOURCE_REFUSED',
    fix: 'name the source of the event beside its id',
  })
  expect((await send({ id: 'e-1', source: 'http', retract: true })).statusCode).toBe(202)
  // A client that was given the prediction may take back what was said about it.
  expect((await send({ prediction_id: 'p-1', retract: true })).statusCode).toBe(202)
})
