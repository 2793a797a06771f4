import { expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import {
  configSums,
  type Fleet,
  type FleetMember,
} from '../../src/serving/services/fleet/fleet-service.ts'
import { openServed } from './open-served.ts'

interface Answer {
  readonly members: readonly { readonly replica: string; readonly seen: string }[]
  readonly models: readonly { readonly config_differs?: readonly string[] }[]
}

const v1 = { version: 'v1', digest: 'digest-v1', generation: 2 }

test('a daemon alone shows itself, and no lease', async () => {
  const { app } = await openServed()
  const answer = (await app.inject('/v1/fleet')).json<Answer>()
  expect(answer).toMatchObject({
    replica: 'here',
    shared: false,
    members: [{ replica: 'here', role: 'all', models: [{ model: 'm', ...v1 }] }],
    models: [{ model: 'm', lease: null }],
  })
  expect(answer).not.toHaveProperty('problem')
})

const fleet: Fleet = {
  members: async () => [
    { replica: 'there', role: 'server', url: 'http://there:8080', seenMs: 0, live: { m: v1 } },
    // What was announced of this daemon is older than what it knows.
    { replica: 'here', role: 'all', seenMs: 0, live: {} },
  ],
  lease: async () => ({ holder: 'there', epoch: 7, expiresMs: 1000 }),
}

test('a fleet shows every member once, this one as it is now, and who trains what', async () => {
  const { app } = await openServed({ fleet })
  expect((await app.inject('/v1/fleet')).json()).toMatchObject({
    shared: true,
    members: [
      { replica: 'here', models: [{ model: 'm', ...v1 }] },
      {
        replica: 'there',
        role: 'server',
        url: 'http://there:8080',
        seen: '1970-01-01T00:00:00.000Z',
        models: [{ model: 'm', ...v1 }],
      },
    ],
    models: [
      { model: 'm', lease: { holder: 'there', epoch: 7, expires: '1970-01-01T00:00:01.000Z' } },
    ],
  })
})

test('the keys of a model that the members configure differently are named', async () => {
  const live = { m: v1 }
  const member = (replica: string, rank: number) => ({
    ...{ replica, role: 'all', seenMs: 0, live },
    configs: { m: configSums({ base: '/opt/models/minilm', adapter: { rank } }) },
  })
  const old = { replica: 'old', role: 'all', seenMs: 0, live }
  const differs = async (...members: FleetMember[]) => {
    const { app } = await openServed({ fleet: { ...fleet, members: async () => members } })
    const { models } = (await app.inject('/v1/fleet')).json<Answer>()
    return models[0]?.config_differs
  }
  expect(await differs(member('here', 8), member('there', 16), old)).toEqual(['adapter'])
  expect(await differs(member('here', 8), member('there', 8), old)).toBeUndefined()
})

test('while the others cannot be asked, it shows itself and says why', async () => {
  const away = async () => Promise.reject(failure('SOURCE_FAILED', 'nobody answers'))
  const lease = { holder: 'here', epoch: 3, expiresMs: 1000 }
  const { app } = await openServed({ fleet: { members: away, lease: away }, trainer: { lease } })
  const response = await app.inject('/v1/fleet')
  expect(response.statusCode).toBe(200)
  expect(response.json()).toMatchObject({
    members: [{ replica: 'here' }],
    models: [{ model: 'm', lease: { holder: 'here', epoch: 3 } }],
    problem: { code: 'SOURCE_FAILED', message: 'nobody answers' },
  })
})
