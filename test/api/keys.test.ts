/** Keys with roles: each route asks for one, a key opens what its roles say, and no more than its rate. */
import { expect, test } from 'vitest'
import { digestOf, newKey, roles, type Role } from '../../src/platform/access/keys.ts'
import { callerFinder, type AuthSettings } from '../../src/api/http/auth.ts'
import { thrown } from '../coded.ts'
import { openServed } from './open-served.ts'

const keys = Object.fromEntries(roles.map((role) => [role, newKey()])) as Record<Role, string>
const auth: AuthSettings = {
  tokens: ['token-of-16-bytes'],
  keys: roles.map((role) => ({ name: `${role}-key`, roles: [role], sha256: digestOf(keys[role]) })),
}
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

interface Operation {
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
}

/** From the description: each operation with a path that can be asked, and its roles. */
async function operations() {
  const { app } = await openServed()
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>
  }>()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase() as 'GET' | 'POST' | 'PUT' | 'DELETE',
      path,
      url: path
        .replace('{model}', 'm')
        .replace(/\{(version|other)\}/g, 'v1')
        .replace('{id}', '1'),
      roles: security.flatMap((each) => each.bearer ?? []),
      isOpen: security.length === 0,
    })),
  )
}

test('every route but the probes names its role in the description, and those that change something ask for more than read', async () => {
  const all = await operations()
  expect(
    all
      .filter(({ isOpen }) => isOpen)
      .map(({ path }) => path)
      .sort(),
  ).toEqual(['/health', '/livez', '/openapi.json', '/readyz'])
  for (const { method, path, isOpen, roles: named } of all.filter((each) => !each.isOpen)) {
    expect(isOpen).toBe(false)
    expect(named.length, path).toBeGreaterThan(0)
    for (const role of named) expect(roles, path).toContain(role)
    expect(named.includes('read'), `${method} ${path}`).toBe(method === 'GET')
  }
})

test('each route opens for its role and refuses every other, before it looks at the request', async () => {
  const { app } = await openServed({ auth })
  for (const { method, url, path, roles: named, isOpen } of await operations()) {
    if (isOpen) continue
    for (const role of roles) {
      const { statusCode, json } = await app.inject({ method, url, headers: bearer(keys[role]) })
      const may = named.includes(role) || (role === 'operate' && named.includes('read'))
      const needs = named.join(' or ')
      expect(statusCode === 403, `${role} ${method} ${path}`).toBe(!may)
      if (may) continue
      expect(json()).toMatchObject({ code: 'ROLE_MISSING', key: `${role}-key`, needs })
    }
    const token = await app.inject({ method, url, headers: bearer('token-of-16-bytes') })
    expect([401, 403]).not.toContain(token.statusCode)
  }
})

test('a key may predict, and not have the trainer compute an answer without a source or say what it rests on', async () => {
  const { app } = await openServed({ auth })
  const url = '/v1/models/m/predict'
  const ask = async (key: string, more: object) => {
    const payload = { inputs: ['good'], ...more }
    return app.inject({ method: 'POST', url, headers: bearer(key), payload })
  }
  expect((await ask(keys.predict, {})).statusCode).toBe(200)
  const refused = await ask(keys.predict, { without: 'desk' })
  expect(refused.json()).toMatchObject({ code: 'ROLE_MISSING', needs: 'operate' })
  const hidden = await ask(keys.predict, { because: 3 })
  expect(hidden.json()).toMatchObject({ code: 'ROLE_MISSING', needs: 'read' })
  const asked = await ask('token-of-16-bytes', { without: 'desk' })
  expect(asked.json()).toMatchObject({ code: 'SUMS_UNKNOWN' })
})

test('a route that names no role cannot be added', async () => {
  const open = openServed({
    surfaces: () => [
      {
        prefix: '/extra',
        errors: { contentType: 'text/plain', render: () => ({ status: 500, body: null }) },
        addTo: (scope) => void scope.get('/secret', async () => 'all of it'),
      },
    ],
  })
  await expect(open).rejects.toThrow('/extra/secret says no role')
})

test('unknown paths and other methods are reported to every key, and never without one', async () => {
  const { app } = await openServed({ auth })
  const headers = bearer(keys.predict)
  expect((await app.inject({ url: '/v1/none', headers })).statusCode).toBe(404)
  expect((await app.inject({ method: 'PUT', url: '/v1/models', headers })).statusCode).toBe(405)
  expect((await app.inject('/v1/none')).statusCode).toBe(401)
})

test('a refusal names the key and never shows it', async () => {
  const { app, log } = await openServed({ auth })
  const { body } = await app.inject({ url: '/v1/models', headers: bearer(keys.predict) })
  const shown = body + JSON.stringify(log.lines)
  expect(shown).toContain('predict-key')
  expect(shown).not.toContain(keys.predict)
  expect(shown).not.toContain(digestOf(keys.predict))
})

test('keys are looked up again after a reload: a new one opens, a removed one is refused', () => {
  let settings: AuthSettings | undefined = auth
  const find = callerFinder(() => settings)
  expect(find(`Bearer ${keys.read}`)).toMatchObject({ name: 'read-key', roles: ['read'] })
  const next = newKey()
  settings = { tokens: [], keys: [{ name: 'next', roles: ['read'], sha256: digestOf(next) }] }
  expect(find(`bearer ${next}`).name).toBe('next')
  expect(thrown(() => find(`Bearer ${keys.read}`)).code).toBe('AUTH_REQUIRED')
  expect(thrown(() => find('Bearer token-of-16-bytes')).code).toBe('AUTH_REQUIRED')
  // The hash of a key is no key.
  expect(thrown(() => find(`Bearer ${digestOf(next)}`)).code).toBe('AUTH_REQUIRED')
})

test('a key that sends too much waits, as long as Retry-After says; others and probes do not', async () => {
  const { app, metrics } = await openServed({ auth, keyRate: { per_second: 0.1, burst: 2 } })
  const ask = async (key: string, url = '/v1/models/m/quality') =>
    app.inject({ url, headers: bearer(key) })
  const statuses = [await ask(keys.read), await ask(keys.read)].map((each) => each.statusCode)
  expect(statuses).not.toContain(429)
  const refused = await ask(keys.read)
  expect(refused.statusCode).toBe(429)
  expect(refused.json()).toMatchObject({ code: 'RATE_LIMITED', key: 'read-key' })
  const seconds = Number(refused.headers['retry-after'])
  expect(seconds).toBeGreaterThan(5)
  expect(seconds).toBeLessThanOrEqual(10)
  expect((await ask(keys.read, '/livez')).statusCode).toBe(200)
  expect((await ask(keys.operate)).statusCode).not.toBe(429)
  expect(await metrics.text()).toContain(
    'antikythera_rate_limited_requests_total{key="read-key"} 1\n',
  )
  expect(await metrics.text()).toContain('antikythera_rate_limited_names{kind="key"} 2\n')
})

test("a key's own rate replaces that of all keys", async () => {
  const key = newKey()
  const own: AuthSettings = {
    tokens: [],
    keys: [
      { name: 'slow', roles: ['read'], sha256: digestOf(key), rate: { per_second: 0.1, burst: 1 } },
    ],
  }
  const { app } = await openServed({ auth: own, keyRate: { per_second: 100, burst: 100 } })
  const ask = async () => (await app.inject({ url: '/metrics', headers: bearer(key) })).statusCode
  expect([await ask(), await ask()]).toEqual([200, 429])
})
