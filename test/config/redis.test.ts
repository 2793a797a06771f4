/** The sections `redis` and `fleet`: what they mean, what is refused, and that no password comes to light. */
import { expect, test } from 'vitest'
import {
  parseConfig,
  redisOptions,
  secretsOf,
  withoutSecrets,
  type ConfigContext,
} from '../../src/config/config.ts'
import { thrown } from '../coded.ts'

const withRedis = (redis: string, context: ConfigContext = {}) =>
  parseConfig(`models: { m: { labels: [a, b] } }\nredis: ${redis}\n`, '/etc', context)
const optionsOf = (redis: string, context: ConfigContext = {}) =>
  redisOptions(withRedis(redis, context).redis!)
const refusal = (redis: string, context: ConfigContext = {}) =>
  thrown(() => withRedis(redis, context))

test('without the section there is no Redis, and a fleet has its defaults', () => {
  const config = parseConfig('models: { m: { labels: [a, b] } }', '/etc')
  expect(config.redis).toBeUndefined()
  expect(config.fleet).toEqual({
    blobs: 'redis',
    lease_ms: 6000,
    copy_seconds: 5,
    copy_bytes: 536_870_912,
    prediction_seconds: 259_200,
    version_bytes: 67_108_864,
  })
})

test.each([
  ['{ url: redis://127.0.0.1 }', { address: { host: '127.0.0.1', port: 6379 }, tls: false }],
  ['{ url: "redis://[::1]:7000/3" }', { address: { host: '::1', port: 7000 }, db: 3 }],
  ['{ url: redis://a, db: 2 }', { db: 2, namespace: 'antikythera' }],
  ['{ url: rediss://a:1, namespace: n }', { tls: true, namespace: 'n' }],
  [
    '{ url: "redis://user:p%40ss@a" }',
    { username: 'user', password: 'p@ss', address: { host: 'a', port: 6379 } },
  ],
  [
    '{ url: rediss://a, tls: { ca: ca.pem, servername: b } }',
    { tls: { ca: '/etc/ca.pem', servername: 'b' } },
  ],
  [
    '{ sentinel: { name: main, hosts: ["a:26379", "[::1]:2"] } }',
    {
      sentinel: {
        name: 'main',
        hosts: [
          { host: 'a', port: 26379 },
          { host: '::1', port: 2 },
        ],
      },
    },
  ],
  ['{ cluster: ["a:1"] }', { cluster: [{ host: 'a', port: 1 }], db: 0 }],
  ['{ url: redis://a, command_ms: 500, connect_ms: 700 }', { commandMs: 500, connectMs: 700 }],
])('%s is understood', (redis, options) => {
  expect(optionsOf(redis)).toMatchObject(options)
})

test('a password of the environment is used, also for Sentinel', () => {
  const environment = { R: 'secret-r', S: 'secret-s' }
  const options = optionsOf(
    '{ sentinel: { name: m, hosts: ["a:1"], password_env: S }, password_env: R }',
    { environment },
  )
  expect(options.password).toBe('secret-r')
  expect(options.sentinel?.password).toBe('secret-s')
})

test.each([
  ['{}', ['needs one of url, sentinel and cluster']],
  ['{ url: redis://a, cluster: ["a:1"] }', ['needs one of']],
  ['{ url: "not a url" }', ['/redis/url', 'is not a URL']],
  ['{ url: "http://a" }', ['must begin with redis://']],
  ['{ url: redis://a/name }', ['only by its number']],
  ['{ url: redis://a/1, db: 2 }', ['db does too']],
  ['{ url: "redis://a?family=6" }', ['has parameters']],
  ['{ url: "redis://u:hidden-word%off@a" }', ['/redis/url', 'write %25']],
  ['{ url: redis://a, password: 20260401 }', ['/redis/password', 'must be text', 'quotes']],
  ['{ url: "redis://u:hidden-word@a", password: other-word }', ['also given beside it']],
  ['{ cluster: ["a"] }', ['/redis/cluster/0', 'host:port']],
  ['{ cluster: ["a:0"] }', ['host:port']],
  ['{ cluster: ["a:1"], db: 1 }', ['/redis/db', 'a Cluster has no databases']],
  ['{ sentinel: { name: m } }', ['/redis/sentinel/hosts']],
  ['{ sentinel: { hosts: ["a:1"] } }', ['/redis/sentinel/name']],
  ['{ url: redis://a, namespace: "a{b}" }', ['/redis/namespace']],
  ['{ url: redis://a, tls: { cert: c.pem } }', ['needs cert and key together']],
  ['{ url: redis://a, password_env: NOWHERE }', ['/redis/password_env', 'is not set']],
  ['{ url: redis://a, password: hidden-word, password_env: P }', ['give only one of them']],
  ['{ url: redis://a, passwort: x }', ['"password"']],
])('%s is refused', (redis, words) => {
  const error = refusal(redis, { environment: { P: 'p' } })
  for (const word of words) expect(error.message).toContain(word)
  expect(error.message).not.toMatch(/hidden-word|other-word|20260401/)
})

test('every secret is known to the log, and none is shown', () => {
  const config = withRedis('{ url: "redis://u:p%40ss@a", sentinel: null }')
  const other = withRedis('{ cluster: ["a:1"], password: deep-secret }')
  expect(secretsOf([config, other])).toEqual(['p%40ss', 'p@ss', 'deep-secret'])
  const shown = JSON.stringify([withoutSecrets(config), withoutSecrets(other)])
  expect(shown).not.toMatch(/p%40ss|p@ss|deep-secret/)
  expect(shown).toContain('redis://u:***@a')
  expect(secretsOf({ otlp: 'http://u:50%off@a' })).toContain('50%off')
})
