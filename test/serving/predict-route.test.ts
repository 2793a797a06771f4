import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

test('an answer names model, version, digest and generation, in body and headers', async () => {
  const { app } = await openServed()
  const response = await app.inject({
    method: 'POST',
    url: '/v1/models/m/predict',
    payload: { inputs: ['A', { text: 'B' }] },
  })
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    model: 'm',
    version: 'v1',
    digest: 'digest-v1',
    predictions: [
      { id: 'p-1', label: 'no', score: 1, scores: { row: 65 } },
      { id: 'p-2', label: 'no', score: 1, scores: { row: 66 } },
    ],
  })
  expect(response.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-antikythera-version': 'v1',
    'x-antikythera-digest': 'digest-v1',
    'x-antikythera-generation': '2',
  })
})
