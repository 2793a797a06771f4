import { expect, test } from 'vitest'
import { openServed } from '../api/open-served.ts'
import { runCli } from './run-cli.ts'

async function withLetters() {
  const served = await openServed()
  const { url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  const events = ['a', 'b'].map((id) => ({ id, input: { text: id }, label: 'maybe' }))
  await served.app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload: { events } })
  const cli = async (...args: string[]) => runCli('dead-letters', ...args, '--url', url)
  return { ...served, cli }
}

test('list shows id, code, reason and the fix; show prints one whole', async () => {
  const { cli } = await withLetters()
  const { stdout } = await cli('list', '--last', '1')
  expect(stdout).toMatch(/^2 +\d{4}-.* +LABEL_UNKNOWN +http +refused +/m)
  expect(stdout).toMatch(/^2 × LABEL_UNKNOWN: .+$/m)
  expect((await cli('show', '1')).stdout).toContain('"label":"maybe"')
})

test('resend says what was refused again and exits non-zero, and takes what may be learned now', async () => {
  const { cli, known, journal } = await withLetters()
  const refused = await cli('resend', '--all')
  expect([refused.code, refused.stdout]).toEqual([65, expect.stringContaining('2 refused again')])
  known.push('maybe')
  expect((await cli('resend', '--code', 'LABEL_UNKNOWN')).stdout).toContain('2 sent again')
  expect(journal()).toHaveLength(2)
  expect((await cli('list')).stdout).toBe('there are none\n')
})

test('drop removes by id and all; nothing chosen is a usage mistake', async () => {
  const { cli } = await withLetters()
  expect((await cli('drop')).code).toBe(64)
  expect((await cli('drop', 'x')).stderr).toContain('x is not an id')
  expect((await cli('drop', '1')).stdout).toBe('1 dropped\n')
  expect((await cli('drop', '--all', '--json')).json()).toEqual({ dropped: 1 })
})
