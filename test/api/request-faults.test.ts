/** Typical mistakes in requests, and what a person hears of them. */
import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

test('a mistake in a request is named: the field, the values that there are, how a time is written', async () => {
  const { app } = await openServed()
  const refusal = async (method: 'POST' | 'PUT', path: string, payload: object) => {
    const response = await app.inject({ method, url: `/v1/models/m/${path}`, payload })
    const { status, code, detail } = response.json<Record<string, unknown>>()
    expect([status, code]).toEqual([400, 'REQUEST_INVALID'])
    return detail
  }
  const inputs = ['A']
  const cases = [
    ['POST', 'rollback', { resaon: 'x', reason: 'x' }, 'body must not have the field resaon'],
    ['POST', 'rollback', {}, "body must have required property 'reason'"],
    [
      'POST',
      'rollback',
      { reason: 'x', then: 'stop' },
      'body/then must be one of continue, skip, hold',
    ],
    [
      'POST',
      'predict',
      { inputs, at: '2026-11-24' },
      'body/at must be a time such as 2026-11-24T10:00:00Z',
    ],
    [
      'POST',
      'predict?at=yesterday',
      { inputs },
      'querystring/at must be a time such as 2026-11-24T10:00:00Z',
    ],
    ['PUT', 'versions/v1/pin', { why: 1 }, 'body must not have the field why'],
    ['PUT', 'versions/v1/pin', [], 'body must be object'],
  ] as const
  for (const [method, path, body, said] of cases)
    expect(await refusal(method, path, body)).toBe(said)
})
