import { expect, test } from 'vitest'
import { digestOf, newKey } from '../../src/platform/access/keys.ts'
import { openServed } from '../api/open-served.ts'
import { runCli } from './run-cli.ts'

async function listening() {
  const [anna, labels] = [newKey(), newKey()]
  const auth = {
    tokens: [],
    keys: [
      { name: 'anna', roles: ['operate'], sha256: digestOf(anna) },
      { name: 'labels', roles: ['feedback'], sha256: digestOf(labels) },
    ],
  } as const
  const { server } = await openServed({ auth })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return { anna, labels, at: ['--url', url] }
}

test('what an operator does with the commands is shown by audit and by history, with the name of the key', async () => {
  const { anna, at } = await listening()
  const as = [...at, '--token', anna]
  for (const reason of ['one', 'two', 'three'])
    expect((await runCli('pause', 'm', '--reason', reason, ...as)).code).toBe(0)
  const { stdout } = await runCli('audit', '--last', '2', ...as)
  const lines = stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(4)
  expect(lines[1]).toMatch(/anna +127\.0\.0\.1 +POST \/v1\/models\/m\/pause +202 +.*"three"/)
  expect(lines[3]).toContain('--last 4')
  expect((await runCli('audit', '--json', ...as)).json()).toMatchObject({
    records: [
      { key: 'anna', status: 202 },
      { body: { reason: 'two' } },
      { body: { reason: 'one' } },
    ],
  })
  expect((await runCli('history', 'm', ...as)).stdout).toContain('pause (anna)')
})

test('a key without the role is refused with its name, the role, and what to do', async () => {
  const { labels, at } = await listening()
  const { code, stderr } = await runCli('audit', ...at, '--token', labels)
  expect(code).toBe(77)
  for (const words of ['ROLE_MISSING', 'labels has feedback', 'server.auth.keys'])
    expect(stderr).toContain(words)
})
