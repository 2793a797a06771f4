/** The lines of slices and sources, as the page asks for them. */
import { expect, test } from 'vitest'
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
