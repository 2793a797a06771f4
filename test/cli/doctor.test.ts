import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { addressCheck } from '../../src/cli/doctor/machine.ts'
import { configuredBasesCheck } from '../../src/cli/doctor/bases.ts'
import { failed, ok, warning, type Place, placeOf, examine } from '../../src/cli/doctor/check.ts'
import { checks } from '../../src/cli/doctor/checks.ts'
import { spaceCheck, writableCheck } from '../../src/cli/doctor/data.ts'
import { packagesOf } from '../../src/cli/doctor/packages.ts'
import { failure } from '../../src/platform/errors.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

function place(some: Partial<Place> = {}): Place {
  const dataDir = join(scratchFolder(), 'data')
  const usual = {
    host: '127.0.0.1',
    port: 0,
    workers: 1,
    bases: [],
    config: undefined,
    isServerAlone: false,
  }
  return { ...usual, dataDir, ...some }
}

test('every check passes on a machine that runs these tests, and the engines are named', async () => {
  const report = await examine(checks, place())
  expect(report.checks.filter((check) => !check.ok)).toEqual([])
  expect(report.ok).toBe(true)
  expect(report.engine).toMatchObject({ train: 'tensorflow', serve: 'onnxruntime' })
  expect(report.checks.length).toBeGreaterThanOrEqual(12)
  expect(new Set(report.checks.map(({ name }) => name)).size).toBe(report.checks.length)
})

test('what is not well names its fix; only what failed counts; what throws has failed', async () => {
  const table = [
    { name: 'good', run: () => ok('fine') },
    { name: 'slow', run: () => warning('slow', 'wait') },
    { name: 'broken', run: () => failed('broken', 'mend it') },
    {
      name: 'thrown',
      run: () => {
        throw new Error('no such module\nat somewhere')
      },
    },
    {
      name: 'coded',
      run: () => {
        throw failure('PACKAGE_MISSING', 'a package is not there')
      },
    },
  ]
  const report = await examine(table, place())
  expect(report).toMatchObject({
    ok: false,
    checks: [
      { name: 'good', ok: true, detail: 'fine' },
      { name: 'slow', ok: true, warning: true, fix: 'wait' },
      { name: 'broken', ok: false, fix: 'mend it' },
      { name: 'thrown', ok: false, detail: 'no such module', fix: 'npx antikythera setup' },
      {
        name: 'coded',
        detail: 'PACKAGE_MISSING: a package is not there',
        fix: expect.stringContaining('npm install') as string,
      },
    ],
  })
  expect((await examine(table.slice(0, 2), place())).ok).toBe(true)
})

test('the packages check counts an optional package that is not there as no fault, and one of another version as one', () => {
  const root = scratchFolder()
  const write = (path: string, value: object) => {
    mkdirSync(join(root, path), { recursive: true })
    writeFileSync(join(root, path, 'package.json'), JSON.stringify(value))
  }
  const [dependencies, optionalDependencies] = [{ always: '^1.0.0' }, { some: '~3.2.0' }]
  write('', { dependencies, optionalDependencies })
  write('node_modules/always', { version: '1.0.0' })
  expect(packagesOf(root)).toEqual(ok('all 1 are installed, without some'))
  write('node_modules/some', { version: '2.0.0' })
  expect(packagesOf(root)).toEqual(failed('some is 2.0.0, not ~3.2.0', 'npm ci'))
  write('node_modules/some', { version: '3.2.0' })
  rmSync(join(root, 'node_modules', 'always'), { recursive: true })
  expect(packagesOf(root)).toEqual(failed('always is missing', 'npm ci'))
  expect(packagesOf(root, ['always'])).toEqual(ok('all 1 are installed, without always'))
})

test('a data folder that cannot be made is found where it would be made', async () => {
  const folder = scratchFolder()
  writeFileSync(join(folder, 'file'), '')
  const finding = await writableCheck.run(place({ dataDir: join(folder, 'file', 'data') }))
  expect(finding).toMatchObject({
    verdict: 'failed',
    fix: expect.stringContaining('data_dir') as string,
  })
  expect(await writableCheck.run(place())).toMatchObject({ verdict: 'ok' })
})

test('a disk without room is found before anything is written to it', async () => {
  expect(await spaceCheck.run(place({ dataDir: '/proc' }))).toMatchObject({ verdict: 'failed' })
})

async function listening(body: string): Promise<number> {
  const server = createServer((_request, response) => response.end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test('a port that another program has is told apart from one that our daemon has', async () => {
  const other = await addressCheck.run(place({ port: await listening('hello') }))
  expect(other).toMatchObject({
    verdict: 'failed',
    fix: expect.stringContaining('server.port') as string,
  })
  const port = await listening('{"alive":true}')
  await expect.poll(async () => (await addressCheck.run(place({ port }))).verdict).toBe('ok')
})

test('an address that this machine does not have is refused with its fix', async () => {
  const finding = await addressCheck.run(place({ host: '192.0.2.1', port: 8080 }))
  expect(finding).toMatchObject({
    verdict: 'failed',
    fix: expect.stringContaining('server.host') as string,
  })
})

test('a base that the config names and that does not open fails with the path', async () => {
  const folder = scratchFolder()
  const finding = await configuredBasesCheck.run(place({ bases: [{ bert: folder }] }))
  expect(finding.verdict).toBe('failed')
  expect(finding.detail).toContain(folder)
})

test('the place is that of the config', () => {
  const folder = scratchFolder()
  const config = join(folder, 'c.yaml')
  writeFileSync(config, 'server: { port: 9 }\nmodels: { m: { labels: [a, b], base: { bert: b } } }')
  expect(placeOf({ config })).toMatchObject({
    dataDir: join(folder, 'data'),
    port: 9,
    bases: [{ bert: join(folder, 'b') }],
  })
})

test('doctor exits with 69 when a check failed, after telling the fix', async () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'data'))
  const config = join(folder, 'c.yaml')
  const port = await listening('hello')
  writeFileSync(config, `server: { port: ${port} }\nmodels: { m: { labels: [a, b] } }`)
  const { code, stdout } = await runCli('doctor', '--config', config)
  expect(code).toBe(69)
  expect(stdout).toMatch(/FAILED +address .*\n +fix: stop it, or choose another server\.port/)
  expect(stdout).toMatch(/1 of \d+ failed/)
})
