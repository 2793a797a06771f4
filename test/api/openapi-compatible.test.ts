/** The public contract: what /openapi.json of the first release promises still holds. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../source-tree.ts'
import { incompatibilities, type Description } from './openapi-compatible.ts'
import { openServed } from './open-served.ts'

const recorded = () =>
  JSON.parse(readFileSync(join(root, 'test/reference/v1-openapi.json'), 'utf8')) as Description

test('nothing that the first release describes is gone, or asks for more', async () => {
  const { app } = await openServed()
  const now = (await app.inject('/openapi.json')).json<Description>()
  expect(incompatibilities(recorded(), now)).toEqual([])
})

/** The description of a server with one place changed. */
function changed(place: string, change: (from: Record<string, unknown>, key: string) => void) {
  const description = recorded()
  const keys = place.split(' ')
  const last = keys.pop()!
  let at = description as unknown as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  change(at, last)
  return incompatibilities(recorded(), description)
}

const predict = 'paths /v1/models/{model}/predict post'
const body = `${predict} requestBody content application/json schema`
const answer = `${predict} responses 200 content application/json schema`
const remove = (from: Record<string, unknown>, key: string) => Reflect.deleteProperty(from, key)

test.each([
  ['a route is gone', 'paths /v1/fleet', remove, 'get /v1/fleet: gone'],
  ['a method is gone', predict, remove, 'post /v1/models/{model}/predict: gone'],
  ['an answer has lost a property', `${answer} properties version`, remove, '.version: gone'],
  [
    'a property of an answer has another type',
    `${answer} properties version`,
    (from: Record<string, unknown>, key: string) => (from[key] = { type: 'number' }),
    '.version: was string, is number',
  ],
  [
    'a property of an answer may be absent',
    `${answer} required`,
    (from: Record<string, unknown>, key: string) => (from[key] = []),
    '.version: may be absent now',
  ],
  [
    'a request needs more',
    `${body} required`,
    (from: Record<string, unknown>, key: string) => (from[key] = ['inputs', 'version']),
    '.version: required now',
  ],
  ['a body type is gone', `${predict} requestBody content application/json`, remove, 'gone'],
])('it is noticed that %s', (_what, place, change, said) => {
  expect(changed(place, change).join('\n')).toContain(said)
})

test('additions are allowed', () => {
  const added = (from: Record<string, unknown>, key: string) => {
    from[key] = { ...(from[key] as object), more: { type: 'string' } }
  }
  expect(changed(`${answer} properties`, added)).toEqual([])
  expect(changed(`${body} properties`, added)).toEqual([])
})
