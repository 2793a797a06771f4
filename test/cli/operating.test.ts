/** What the commands of an operator say of typical mistakes. */
import { expect, test } from 'vitest'
import { openServed } from '../api/open-served.ts'
import { runCli } from './run-cli.ts'

const empty = { page: () => ({ count: 0, found: [] }), count: () => 0, generation: () => Infinity }

async function listening() {
  const { server } = await openServed({ setAside: empty })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return (...args: string[]) => runCli(...args, '--url', url)
}

test.each(['release', 'drop'])('quarantine %s says when nothing matches', async (by) => {
  const cli = await listening()
  const { code, stdout } = await cli('quarantine', by, '--id', 'nobody', '--reason', 'checked')
  expect([code, stdout]).toEqual([
    0,
    'nothing in quarantine matches: antikythera quarantine list\n',
  ])
})

test('an empty quarantine says so', async () => {
  const cli = await listening()
  expect((await cli('quarantine', 'list')).stdout).toBe('nothing is in quarantine\n')
})

test.each(['1.5', '0', 'half'])('canary --share %s is a usage mistake', async (share) => {
  const cli = await listening()
  const { code, stderr } = await cli('canary', '--version', 'v2', '--share', share, '--reason', 'x')
  expect([code, stderr]).toEqual([64, expect.stringContaining('above 0 and below 1')])
})

test('promote takes the version as its argument, and needs one', async () => {
  const cli = await listening()
  const named = await cli('promote', 'v2', '--reason', 'a person')
  expect([named.code, named.stdout]).toEqual([0, expect.stringContaining('v2 is live now')])
  const none = await cli('promote', '--reason', 'a person')
  expect([none.code, none.stderr]).toEqual([64, expect.stringContaining('name the version')])
})
