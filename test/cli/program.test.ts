import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { InputKind, SignalKind } from '../../src/contracts/payload.ts'
import { inputs, signals } from '../../src/payloads/built-in.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createProgram } from '../../src/cli/program.ts'
import { modelNamed } from '../../src/cli/read-config.ts'
import { reportError } from '../../src/cli/report-error.ts'
import { failure } from '../../src/platform/errors.ts'
import { entryUrl } from '../../src/platform/entry.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))

function run(args: readonly string[], input = '', variables: Record<string, string> = {}) {
  const { ANTIKYTHERA_CONFIG: _, ...environment } = process.env
  const env = { ...environment, ...variables }
  return spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    input,
    env,
    cwd: scratchFolder(),
  })
}

const wanted = [
  'setup demo init dead-letters serve up predict feedback status versions rollback promote canary shadow pin unpin pins history set-aside relearn discard quarantine forget retract pause resume why receipt export import models keys audit doctor bench config recover reset-position',
].flatMap((line) => line.split(' '))

test('every command is there, says what it is for, and knows --json', () => {
  const { commands } = createProgram()
  const names = new Set(commands.map((command) => command.name()))
  expect(wanted.filter((name) => !names.has(name))).toEqual([])
  const leaves = commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  )
  for (const command of leaves) {
    expect(command.description()).not.toBe('')
    expect(command.options.map(({ long }) => long)).toContain('--json')
  }
})

test('help and version are told', () => {
  const help = run(['--help'])
  expect(help.status).toBe(0)
  expect(help.stdout).toContain('feedback')
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  expect(run(['--version']).stdout).toBe(`${version}\n`)
})

test.each(['', 'localhost'])('help is shown with ANTIKYTHERA_URL=%j', (url) => {
  const help = run(['rollback', '--help'], '', { ANTIKYTHERA_URL: url })
  expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('--reason')])
})

test('an empty variable counts as unset: the default is asked', () => {
  const empty = { ANTIKYTHERA_URL: '', ANTIKYTHERA_MODEL: '', ANTIKYTHERA_TOKEN: '' }
  const { stderr } = run(['predict', 'x', '--timeout', '0.001'], '', empty)
  expect(stderr).toContain('http://127.0.0.1:8080: ')
})

test.each([
  ['server: { port: 9191, host: 0.0.0.0 }', {}, 'http://127.0.0.1:9191: '],
  ['server: { port: 9191 }', { ANTIKYTHERA_SERVER__PORT: '9292' }, 'http://127.0.0.1:9292: '],
  ['server: { port: 9191 }', { ANTIKYTHERA_URL: 'http://127.0.0.1:7' }, 'http://127.0.0.1:7: '],
  ['server: { host: "::1" }', {}, 'http://[::1]:8080: '],
  ['server: { port: [', {}, 'http://127.0.0.1:8080: '],
])('a client asks the daemon of the config beside it: %s %j', async (text, environment, url) => {
  const path = join(scratchFolder(), 'antikythera.yaml')
  writeFileSync(path, text)
  vi.stubEnv('ANTIKYTHERA_CONFIG', path)
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  const { stderr } = await runCli('predict', 'x', '--timeout', '0.001')
  expect(stderr).toContain(url)
})

test.each([
  [[], 'name a command'],
  [['models'], 'Usage: antikythera models'],
  [['models'], 'antikythera models needs a verb: list, pull'],
  [['quarantine'], 'fix:  antikythera quarantine --help'],
  [['predcit'], 'Did you mean predict?'],
  [['rollback'], '--reason'],
  [['versions', '--bogus'], '--bogus'],
  [['versions', '--url', 'localhost'], 'http://127.0.0.1:8080'],
  [['versions', '--timeout', '-1'], 'above 0'],
  [['feedback'], '--file'],
  [['versions', 'm', 'v1', 'v2', 'v3'], 'antikythera versions --help'],
  [['keys', 'new', '--bogus'], 'antikythera keys new --help'],
])('%j is a usage mistake: 64, and it says which', (args, words) => {
  const { status, stderr } = run(args)
  expect(status).toBe(64)
  expect(stderr).toContain(words)
  expect(stderr).toContain('code: USAGE')
})

test('feedback without an event names the flag of each kind of inputs and of signals', async () => {
  const kinds: readonly (InputKind | SignalKind)[] = [inputs, signals].flatMap(Object.values)
  const { stderr } = await runCli('feedback')
  for (const flag of kinds.flatMap(({ flags = {} }) => Object.keys(flags)))
    expect(stderr).toContain(`--${flag}`)
})

test('errors are JSON on stderr with --json, and stdout stays empty', async () => {
  const { code, stdout, stderr } = await runCli('versions', '--json', '--url', 'http://127.0.0.1:1')
  expect(code).toBe(69)
  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'CONNECTION_FAILED' } })
})

test('a defect of ours exits with 70 and shows its stack; an error of the world does not', () => {
  const told: string[] = []
  const tell = (text: string) => told.push(text)
  expect(reportError(new Error('a defect'), false, tell)).toBe(70)
  expect(told.join('')).toContain('program.test.ts')
  told.length = 0
  expect(reportError(failure('DISK_FULL', 'no room'), false, tell)).toBe(74)
  expect(told.join('')).toBe(
    'antikythera: no room\n  code: DISK_FULL\n  fix:  free space on the disk that holds data_dir\n',
  )
})

test('serve and config check refuse a missing and a misspelt config with their codes', () => {
  const missing = run(['serve'])
  expect([missing.status, missing.stderr.includes('CONFIG_MISSING')]).toEqual([66, true])
  const path = join(scratchFolder(), 'bad.yaml')
  writeFileSync(path, 'modles: {}\n')
  for (const args of [
    ['serve', '--config', path],
    ['config', 'check', '--config', path],
  ]) {
    const { status, stderr } = run(args)
    expect(status).toBe(78)
    expect(stderr).toContain('bad.yaml:1:1: /modles is not a known key; did you mean "models"?')
  }
})

test('config check shows every key and no token; config schema is JSON Schema', async () => {
  const path = join(scratchFolder(), 'c.yaml')
  writeFileSync(
    path,
    'server: { auth: { tokens: [0123456789abcdef] } }\nmodels: { m: { labels: [a, b] } }\n',
  )
  const { stdout, json } = await runCli('config', 'check', '--config', path, '--json')
  expect(json()).toMatchObject({ server: { port: 8080, auth: { tokens: 1 } } })
  expect(stdout).not.toContain('0123456789abcdef')
  expect((await runCli('config', 'schema')).json()).toMatchObject({
    type: 'object',
    required: ['models'],
  })
})

test('config check shows a model with shards as it was written, and a command takes it for the only one', async () => {
  const path = join(scratchFolder(), 'c.yaml')
  const model = 'base: use-lite, shards: 2, sources: [{ file: { path: x.jsonl } }]'
  writeFileSync(path, `models: { m: { ${model}, labels: [a, b], adapter: { method: ranpac } } }`)
  const { stdout } = await runCli('config', 'check', '--config', path, '--json')
  expect(Object.keys((JSON.parse(stdout) as { models: object }).models)).toEqual(['m'])
  writeFileSync(path, stdout)
  const again = await runCli('config', 'check', '--config', path, '--json')
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(stdout))
  expect(modelNamed(loadConfig(path), undefined)).toBe('m')
})

test('config asyncapi describes the channels of a configuration', async () => {
  const path = join(scratchFolder(), 'c.yaml')
  writeFileSync(path, 'models: { m: { labels: [a, b], sources: [{ file: { path: x.jsonl } }] } }')
  expect((await runCli('config', 'asyncapi', '--config', path)).json()).toMatchObject({
    asyncapi: '3.0.0',
    channels: { 'm.source.file': { address: join(path, '../x.jsonl') } },
  })
})

test('models list shows what a config can name', async () => {
  const { json } = await runCli('models', 'list', '--json')
  expect(Object.keys((json() as { bases: object }).bases)).toEqual([
    'use-lite',
    'minilm',
    'e5-small',
    'static',
    'efficientnet-lite0',
    'smollm2',
    'pulled',
    'bert',
    'causal',
    'features',
    'onnx',
    'pair',
    'text-pair',
    'document',
    'fields',
  ])
})

test('models pull refuses a name that nobody has', async () => {
  const { code, stderr } = await runCli('models', 'pull', 'nonsense')
  expect(code).toBe(64)
  expect(stderr).toContain('minilm')
})

test('models pull takes several names, but one folder only for one', async () => {
  const { code, stderr } = await runCli('models', 'pull', 'minilm', 'nonsense', '--to', 'here')
  expect(code).toBe(64)
  expect(stderr).toContain('--to is the folder of one base, and 2 are named')
})

test('a flag that is no JSON is a wrong use, with the shape that it takes', async () => {
  const { code, stderr } = await runCli('feedback', '--text', 'x', '--spans', 'person')
  expect(code).toBe(64)
  expect(stderr).toContain('--spans is no JSON: person')
  expect(stderr).toContain('[{start, end, label}]')
})
