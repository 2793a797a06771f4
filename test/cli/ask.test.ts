import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openFakeRegistry } from '../serving/fake-registry.ts'
import { openFakeWriting } from '../serving/fake-writing.ts'
import { runCli } from './run-cli.ts'

/** A real server on fakes, listening: one model `m`, versions v0 to v5, v1 live. */
async function listening(options?: ServedOptions) {
  const served = await openServed(options)
  const { url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  return { ...served, cli: (...args: string[]) => runCli(...args, '--url', url) }
}

test('predict answers one line a text, with the version and the id that feedback may name', async () => {
  const { cli } = await listening()
  const { code, stdout } = await cli('predict', 'one', 'two')
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(2)
  expect(stdout).toMatch(/^(no|yes) {2}[\d.]+ % {2}v1 {2}p-1 {2}one$/m)
})

test('predict says how much of a long text was read', async () => {
  const { cli } = await listening()
  const { stdout } = await cli('predict', 'x'.repeat(20))
  expect(stdout).toContain('(read 16 of 20 tokens)  xxx')
})

test('predict asks another version than the live one, and our own --version is not meant', async () => {
  const { cli } = await listening()
  const { json } = await cli('predict', '--version', 'v0', '--json', 'one')
  expect(json()).toMatchObject({ model: 'm', version: 'v0', predictions: [{ id: 'p-1' }] })
})

test('predict asks many texts in several requests and prints each answer', async () => {
  const { cli } = await listening({ limits: { inputs: 32 } })
  const texts = Array.from({ length: 70 }, (_, index) => `text ${index}`)
  const { stdout } = await cli('predict', ...texts)
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('  ').at(-1)),
  ).toEqual(texts)
})

test('predict shows a text of a file as it is, and says that a file has no rows', async () => {
  const { cli } = await listening()
  const path = join(scratchFolder(), 'rows.csv')
  writeFileSync(path, 'text\n"one, and\ntwo"\n')
  expect((await cli('predict', '--file', path)).stdout).toMatch(/ {2}one, and two\n$/)
  writeFileSync(path, 'text\n')
  const empty = await cli('predict', '--file', path)
  expect([empty.code, empty.stderr]).toEqual([64, expect.stringContaining('rows.csv has no rows')])
})

test('predict names the line of a file that cannot be asked, and the lines that hold nothing', async () => {
  const { cli } = await listening()
  const path = join(scratchFolder(), 'rows.csv')
  const rows = Array.from({ length: 40 }, (_, at) => `${at},text ${at}`)
  writeFileSync(path, ['id,text', ...rows, '40,', `41,\u200b`, ''].join('\n'))
  const { code, stdout, stderr } = await cli('predict', '--file', path)
  expect([code, stdout.trim().split('\n')]).toEqual([65, expect.objectContaining({ length: 32 })])
  expect(stderr).toContain('line 42 has no input, and no answer\n')
  expect(stderr).toContain('line 43: /inputs/8')
})

test('numbers that are none are a usage mistake and reach no server', async () => {
  const { code, stderr } = await runCli(
    'predict',
    '--features',
    '1,x',
    '--url',
    'http://127.0.0.1:1',
  )
  expect(code).toBe(64)
  expect(stderr).toContain('1,x')
})

test('versions shows the live one, and says how many it left out', async () => {
  const { cli } = await listening()
  const { stdout } = await cli('versions', '--last', '5')
  expect(stdout).toMatch(/^\* {2}v1 .* 80\.0 % .* promotion: always$/m)
  expect(stdout).toContain('… and earlier ones (--last 10)')
  const { json } = await cli('versions', '--json')
  expect((json() as { versions: unknown[] }).versions).toHaveLength(6)
  expect((await cli('versions')).stdout).not.toContain('earlier ones')
})

test('versions of a model that writes texts have a loss, and no score that says nothing', async () => {
  const registry = openFakeRegistry('m', 6)
  const list = registry.list.bind(registry)
  const headline = { name: 'loss', value: 3.84 }
  registry.list = async (query) =>
    (await list(query)).map((each) => ({ ...each, manifest: { ...each.manifest, headline } }))
  const { task } = openFakeWriting({ clock: undefined as never, metrics: undefined as never })
  const quality = { accuracy_recent_by_source: 0, sources: [] }
  const { cli } = await listening({ task, live: { registry }, trainer: { quality } })
  const { stdout, stderr } = await cli('versions')
  expect(stderr).toBe('')
  expect(stdout).toMatch(/ events {2}recent loss /)
  expect(stdout).toMatch(/^\* {2}v1 .* 3\.84 /m)
  expect(stdout).not.toContain('likelihood')
})

test.each([
  ['status', 'm'],
  ['versions', 'm'],
  ['why', 'm'],
  ['why', 'm', 'v3'],
  ['why', 'v3'],
  ['promote', 'm', '--version', 'v3', '--reason', 'x'],
  ['rollback', 'm', '--reason', 'x'],
])('the model may be the first argument: %s %s', async (...args) => {
  const { cli } = await listening()
  const { code, stderr } = await cli(...args)
  expect([stderr, code]).toEqual(['', 0])
})

test('a model that the daemon does not serve is named with those that it serves', async () => {
  const { cli } = await listening()
  for (const command of ['status', 'versions', 'why']) {
    const { code, stderr } = await cli(command, 'elsewhere')
    expect([code, stderr]).toEqual([66, expect.stringContaining('MODEL_UNKNOWN')])
  }
})

test('why tells who made the version live and its line back to the first', async () => {
  const { cli } = await listening()
  const { stdout } = await cli('why')
  expect(stdout).toContain('made live by trainer: better')
  expect(stdout).toMatch(
    /v1 and the versions that it was trained from, newest first:\n {2}v1 .*promotion: always\n {2}v0 /,
  )
  expect(stdout).toContain('\n  positions of v1: http 0 to 16\n')
  const { json } = await cli('why', '--version', 'v3', '--json')
  const { chain } = json() as { chain: { version: string }[] }
  expect(chain.map(({ version }) => version)).toEqual(['v3', 'v2', 'v1', 'v0'])
  const short = await cli('why', '--version', 'v3', '--last', '2')
  expect(short.stdout).toMatch(/v3 .*\n {2}v2 .*\n {2}… before it v1\n/)
})

test('a version can be pinned and unpinned, with the model or without', async () => {
  const { cli, registry } = await listening()
  expect((await cli('pins')).stdout).toBe('nothing is pinned\n')
  expect((await cli('pin', 'v3')).stdout).toBe(
    'v3 keeps its bytes until you unpin it\npinned: v3\n',
  )
  const { stdout } = await cli('pin', 'm', 'v1', '--reason', 'the one of March')
  expect(stdout).toContain('pinned: v1, v3')
  expect((await cli('versions')).stdout).toMatch(/^\* {2}v1 \(pinned\)/m)
  expect((await cli('pins')).stdout).toBe('v1\nv3\n')
  expect((await cli('pins', 'm', '--json')).json()).toEqual({ pins: ['v1', 'v3'] })
  const { json } = await cli('unpin', 'v3', '--json')
  expect(json()).toEqual({ version: 'v3', pinned: false, pins: ['v1'] })
  expect(await registry.pins()).toEqual(['v1'])
  const unknown = await cli('pin', 'v99')
  expect([unknown.code, unknown.stderr]).toEqual([66, expect.stringContaining('VERSION_UNKNOWN')])
})

test('history tells every move of the live pointer with its reason', async () => {
  const { cli, registry } = await listening()
  await registry.promote('v4')
  await cli('rollback', '--reason', 'bad labels')
  const { stdout } = await cli('history', '--last', '3')
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  expect(rows[0]).toEqual(['move', 'since', 'version', 'before', 'by', 'reason'])
  expect(rows[1]).toEqual(['4', expect.any(String), 'v1', 'v4', 'rollback', 'bad labels'])
  expect(rows[2]!.slice(2)).toEqual(['v4', 'v1', 'trainer', 'better'])
  expect(stdout).toContain('… and earlier ones (--last 6)')
  const { json } = await cli('history', 'm', '--json')
  expect((json() as { moves: unknown[] }).moves).toHaveLength(4)
})

test('rollback and promote move the pointer and keep the reason', async () => {
  const { cli, registry } = await listening()
  expect((await cli('rollback', '--reason', 'bad labels')).stdout).toContain(
    'v0 is live now, instead of v1',
  )
  expect(await registry.live()).toMatchObject({
    live: { version: 'v0' },
    by: 'rollback',
    reason: 'bad labels',
  })
  // v4 is of the line that was taken back.
  const refused = await cli('promote', '--version', 'v4', '--reason', 'looked at it')
  expect(refused.stderr).toContain('VERSION_UNDONE')
  await cli('promote', '--version', 'v4', '--reason', 'looked at it', '--undone')
  expect(await registry.live()).toMatchObject({
    live: { version: 'v4' },
    by: 'promote',
    reason: 'looked at it',
  })
})

test.each([
  [['rollback', '--to', 'v99', '--reason', 'x'], 66, 'VERSION_UNKNOWN'],
  [['why', '--version', 'v99'], 66, 'VERSION_UNKNOWN'],
  [['feedback', 'nobody', '--text', 'x', '--label', 'yes'], 66, 'MODEL_UNKNOWN'],
  [['receipt', 'nobody', 'e-1'], 66, 'MODEL_UNKNOWN'],
  [['predict', 'x', '--model', 'nobody'], 66, 'MODEL_UNKNOWN'],
  [['predict', ' '], 65, 'INPUT_EMPTY'],
  [['predict', '--chat', 'a message'], 65, 'INPUT_WRONG_KIND'],
  [['feedback', '--text', 'x', '--label', 'maybe'], 65, 'LABEL_UNKNOWN'],
])('%j fails with the code of the server', async (args, exit, code) => {
  const { cli } = await listening()
  const asked = await cli(...args, '--json')
  expect(asked.code).toBe(exit)
  expect(asked.stdout).toBe('')
  expect(JSON.parse(asked.stderr)).toMatchObject({
    error: { code, fix: expect.any(String) as string },
  })
})

test('a server that wants a token gets it from the flag', async () => {
  const { cli } = await listening({ tokens: ['a-token-of-enough-length'] })
  expect((await cli('versions')).code).toBe(77)
  expect((await cli('versions', '--token', 'a-token-of-enough-length')).code).toBe(0)
})

test('one event of feedback is kept once', async () => {
  const { cli, journal } = await listening()
  const event = [
    'feedback',
    '--id',
    'e-1',
    '--text',
    'one',
    '--label',
    'yes',
    '--weight',
    '2',
    '--slice',
    'eu',
  ]
  expect((await cli(...event)).stdout).toContain('accepted')
  expect((await cli(...event)).stdout).toContain('already known')
  expect(journal()).toEqual([
    { id: 'e-1', input: { text: 'one' }, label: 'yes', weight: 2, slice: 'eu' },
  ])
})
