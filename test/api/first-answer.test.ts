/** The first answer of a route costs no more than a later one: nothing is compiled while clients wait (law 7). */
import { expect, onTestFinished, test, vi } from 'vitest'
import { withChoices } from '../../src/platform/nullable.ts'
import { openServed } from './open-served.ts'

test('no first answer of a route compiles a part of its schema', async () => {
  const { app } = await openServed()
  let compiled = 0
  class Counted extends Function {
    constructor(...code: string[]) {
      super(...code)
      compiled += 1
    }
  }
  vi.stubGlobal('Function', Counted)
  onTestFinished(() => {
    vi.unstubAllGlobals()
  })
  const paths = ['', '/m', '/m/versions', '/m/versions/v1', '/m/history', '/m/quality', '/m/trial']
  const body = { inputs: [{ text: 'a' }] }
  const predicted = await app.inject({ method: 'POST', url: '/v1/models/m/predict', payload: body })
  const answers = await Promise.all(paths.map(async (path) => app.inject(`/v1/models${path}`)))
  expect(predicted.statusCode).toBe(200)
  expect(
    answers.map(({ statusCode }) => statusCode).filter((status) => status === 200),
  ).not.toEqual([])
  expect(compiled).toBe(0)
})

test('a description says what may be null as a choice, and leaves a field of that name alone', () => {
  const parent = { type: ['string', 'null'], description: 'of a version' }
  const type = { type: 'string' }
  const choice = {
    anyOf: [{ type: 'string', description: 'of a version' }, { type: 'null' }],
  }
  expect(withChoices({ properties: { parent, type }, items: [parent] })).toEqual({
    properties: { parent: choice, type },
    items: [choice],
  })
})
