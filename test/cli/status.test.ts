import { expect, test } from 'vitest'
import { failure } from '../../src/runtime/errors.ts'
import type { Fleet } from '../../src/serving/fleet-view.ts'
import { openServed, type ServedOptions } from '../serving/open-served.ts'
import { runCli } from './run-cli.ts'

async function status(options: ServedOptions, ...flags: string[]) {
  const { server } = await openServed(options)
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return runCli('status', '--url', url, '--sample', '0.05', ...flags)
}

const fleet: Fleet = {
  members: async () => [
    {
      replica: 'there',
      role: 'server',
      url: 'http://there:8080',
      seenMs: 0,
      live: { m: { version: 'v0', digest: 'digest-v0', generation: 1 } },
    },
  ],
  lease: async () => ({ holder: 'there', epoch: 7, expiresMs: 1000 }),
}

test('a model is shown with its lag, what is live on each replica, and who trains it', async () => {
  const { code, stdout } = await status({ fleet })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^m +idle +3 +stands still +2 +v1 +2 +there +7$/m)
  expect(stdout).toMatch(/^m +here +all +v1 +2 +\S+ +-$/m)
  expect(stdout).toMatch(
    /^m +there +server +v0 +1 +1970-01-01T00:00:00.000Z +http:\/\/there:8080$/m,
  )
})

test('a daemon alone is shown without a lease', async () => {
  const { stdout, json } = await status({ trainer: { lag: 0 } }, '--json')
  expect(json()).toMatchObject({
    replica: 'here',
    models: [
      {
        model: 'm',
        lag: 0,
        eta_seconds: null,
        live: { version: 'v1', generation: 2 },
        lease: null,
        replicas: [{ replica: 'here', version: 'v1', generation: 2 }],
      },
    ],
  })
  expect(stdout).not.toContain('problem')
})

test.each([
  ['shrinks is told to be over in time', -100, / \d+ s /],
  ['grows is told to grow', 100, / grows /],
])('a lag that %s', async (_what, step, words) => {
  let lag = 1000
  const trainer = {
    get lag() {
      return (lag += step)
    },
  }
  expect((await status({ trainer })).stdout).toMatch(words)
})

test('while the others cannot be asked, what is known here is shown with the reason', async () => {
  const away = async () => Promise.reject(failure('SOURCE_FAILED', 'nobody answers'))
  const { code, stdout } = await status({ fleet: { members: away, lease: away } })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^m +here /m)
  expect(stdout).toContain('SOURCE_FAILED: nobody answers')
})

test('a trainer that failed is shown with its code', async () => {
  const { stdout } = await status({ trainer: { state: 'failed', code: 'SOURCE_FAILED' } })
  expect(stdout).toContain('failed (SOURCE_FAILED)')
})

test('no daemon is CONNECTION_FAILED', async () => {
  expect((await runCli('status', '--url', 'http://127.0.0.1:1')).code).toBe(69)
})
