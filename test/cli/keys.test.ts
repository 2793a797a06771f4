import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { callerFinder } from '../../src/api/http/auth.ts'
import { parseConfig } from '../../src/config/config.ts'
import { runCli } from './run-cli.ts'

const models = { m: { labels: ['a', 'b'] } }

test('a new key is printed once, and its entry as printed opens the daemon for its roles', async () => {
  const made = await runCli(
    ...['keys', 'new', '--name', 'labels', '--role', 'feedback', 'predict', 'feedback'],
    ...['--source', 'the desk: 1', 'shop'],
  )
  expect(made.code).toBe(0)
  const [key = '', , , entry = ''] = made.stdout.split('\n')
  expect(key).toMatch(/^ak_[\w-]{43}$/)
  expect(made.stdout.split(key)).toHaveLength(2)
  const text = `server:\n  auth:\n    keys:\n    ${entry}\n${stringify({ models })}`
  const { auth } = parseConfig(text, '/').server
  const caller = callerFinder(() => auth)(`Bearer ${key}`)
  expect(caller).toEqual({
    ...{ name: 'labels', roles: ['feedback', 'predict'], sources: ['the desk: 1', 'shop'] },
  })
})

test.each(['7', 'null'])('the entry of a key with the name %s is text as printed', async (name) => {
  const { stdout } = await runCli('keys', 'new', '--name', name, '--role', 'read')
  const entry = stdout.split('\n')[3] ?? ''
  const text = `server:\n  auth:\n    keys:\n    ${entry}\n${stringify({ models })}`
  expect(parseConfig(text, '/').server.auth?.keys).toMatchObject([{ name }])
})

test('--json gives key and entry, and two keys differ', async () => {
  const make = async () =>
    (await runCli('keys', 'new', '--name', 'p', '--role', 'read', '--json')).json() as {
      key: string
      entry: object
    }
  const [one, other] = [await make(), await make()]
  expect(one.key).not.toBe(other.key)
  expect(one.entry).toMatchObject({ name: 'p', roles: ['read'] })
  const { auth } = parseConfig(
    stringify({ server: { auth: { keys: [one.entry, { ...other.entry, name: 'q' }] } }, models }),
    '/',
  ).server
  expect(callerFinder(() => auth)(`Bearer ${other.key}`).name).toBe('q')
})

test.each([
  [['--name', 'p'], '--role'],
  [['--name', 'p', '--role', 'admin'], 'operate'],
  [['--name', 'Not A Name', '--role', 'read'], '--name'],
  [['--role', 'read'], '--name'],
])('%j is a usage error', async (flags, words) => {
  const { code, stderr } = await runCli('keys', 'new', ...flags)
  expect([code, stderr.includes(words)]).toEqual([64, true])
})
