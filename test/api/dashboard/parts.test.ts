/** What the page asks for to draw its lines: slices, sources, and what was before. */
import { expect, test } from 'vitest'
import { openFakeRegistry } from '../../serving/fake-registry.ts'
import { openPage } from './open-dashboard.ts'

const shares = { count: 4, accuracy: 0.5, accuracy_recent: 0.75 }
const quality = {
  accuracy_recent_by_source: 0.75,
  sources: [{ source: 'crowd', ...shares }],
  slices: [{ slice: 'north', ...shares }],
}

test('a page gets the lines of one kind, which no cache keeps', async () => {
  const { app, series } = await openPage({ trainer: { quality } })
  series.sample()
  for (const [by, name] of [
    ['slice', 'north'],
    ['source', 'crowd'],
  ] as const) {
    const { headers, ...answer } = await app.inject(`/dashboard/parts?model=m&by=${by}`)
    expect(headers['cache-control']).toBe('no-store')
    expect(answer.json()).toMatchObject({ lines: [{ name, count: 4, values: [0.75] }] })
  }
})

test('it needs a key that may read, a model that there is, and a kind of parts', async () => {
  const { app } = await openPage({ tokens: ['0123456789abcdef'] })
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  const codeOf = async (query: string, given: object = headers) =>
    (await app.inject({ url: `/dashboard/parts?${query}`, headers: { ...given } })).json<{
      code: string
    }>().code
  expect(await codeOf('model=m&by=slice', {})).toBe('AUTH_REQUIRED')
  expect(await codeOf('model=x&by=slice')).toBe('MODEL_UNKNOWN')
  expect(await codeOf('model=m&by=label')).toBe('REQUEST_INVALID')
})

test('how many points are kept is a metric', async () => {
  const { app } = await openPage()
  const { body } = await app.inject('/metrics')
  expect(body).toMatch(/^antikythera_part_samples\{model="m"\} 0$/m)
})

test('the line begins with the scores of the newest hundred versions, the oldest of them first', async () => {
  const { app } = await openPage({ live: { registry: openFakeRegistry('m', 150) } })
  const answer = await app.inject('/dashboard/earlier?model=m')
  expect(answer.headers['cache-control']).toBe('no-store')
  const { points } = answer.json<{ points: object[] }>()
  expect(points).toHaveLength(100)
  expect(points[0]).toEqual({
    timeMs: Date.parse('2026-11-24T10:00:00.000Z'),
    value: 0.8,
    count: 800,
  })
  expect((await app.inject('/dashboard/earlier?model=x')).json()).toMatchObject({
    code: 'MODEL_UNKNOWN',
  })
})
