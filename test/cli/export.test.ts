import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { adapterOf, folderOf, methodOf, modelOf, openBase } from '../../src/config/model-parts.ts'
import { openRegistry } from '../../src/app/model.ts'
import type { Manifest } from '../../src/versions/contract.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openLog } from '../../src/platform/log.ts'
import { openRandom } from '../../src/platform/random.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

const labels = ['negative', 'positive']

/** A data folder with v0 and v1 of the model `m` on use-lite, v1 live. */
async function published() {
  const folder = scratchFolder()
  const path = join(folder, 'antikythera.yaml')
  writeFileSync(path, `models: { m: { labels: [${labels.join()}] } }`)
  const config = loadConfig(path)
  const settings = modelOf(config, 'm')
  const base = await openBase(settings.base)
  const log = openLog({ level: 'silent' })
  const registry = await openRegistry(config, 'm', base, { clock: systemClock, log })
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const plan = labelledPlan({ base, method, config: adapter }, labels)
  for (const version of ['v0', 'v1']) {
    const parameters = freshAdapter(plan, openRandom(version, 'adapter'))
    const manifest = await registry.publish({
      manifest: manifestOf(version, plan.config, base),
      parameters,
    })
    const expected = (await registry.live())?.generation ?? 0
    await registry.point({
      version: manifest.version,
      expect: expected,
      reason: 'test',
      by: 'trainer',
    })
  }
  await registry.close()
  return { folder, path, versions: join(folderOf(config, 'm'), 'versions') }
}

function manifestOf(
  version: string,
  adapter: Manifest['adapter'],
  base: Manifest['base'],
): Manifest {
  return {
    format: 1,
    model: 'm',
    version,
    digest: '',
    parent: null,
    base: { name: base.name, hash: base.hash },
    task: 'classification',
    facts: { labels },
    adapter,
    span: {},
    events: 0,
    events_new: 0,
    steps: 0,
    scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    decision: 'promote',
    reason: 'test',
    files: {},
    created: '',
  }
}

test('the live version is written byte for byte as the registry keeps it, with what PEFT looks for', async () => {
  const { folder, path, versions } = await published()
  const to = join(folder, 'out', 'adapter')
  const { code, json } = await runCli('export', '--config', path, '--to', to, '--json')
  expect(code).toBe(0)
  expect(json()).toMatchObject({ model: 'm', version: 'v1', folder: to })
  const names = readdirSync(to).sort()
  expect(names).toEqual(readdirSync(join(versions, 'v1')).sort())
  expect(names).toEqual(
    expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors']),
  )
  for (const name of names)
    expect(readFileSync(join(to, name))).toEqual(readFileSync(join(versions, 'v1', name)))
  expect(JSON.parse(readFileSync(join(to, 'adapter_config.json'), 'utf8'))).toMatchObject({
    peft_type: 'LORA',
  })
})

test('an earlier version may be asked for, and one that does not exist is VERSION_UNKNOWN', async () => {
  const { folder, path } = await published()
  const to = join(folder, 'v0')
  await runCli('export', '--config', path, '--version', 'v0', '--to', to)
  expect(JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8'))).toMatchObject({
    version: 'v0',
  })
  const unknown = await runCli(
    'export',
    '--config',
    path,
    '--version',
    'v9',
    '--to',
    join(folder, 'v9'),
  )
  expect(unknown.code).toBe(66)
  expect(unknown.stderr).toContain('VERSION_UNKNOWN')
  expect(existsSync(join(folder, 'v9'))).toBe(false)
})

test('a version with a flipped byte is refused by name and nothing is written', async () => {
  const { folder, path, versions } = await published()
  const file = join(versions, 'v1', 'adapter_model.safetensors')
  const bytes = readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(file, bytes)
  const { code, stderr } = await runCli('export', '--config', path, '--to', join(folder, 'out'))
  expect(code).toBe(65)
  expect(stderr).toContain('v1/adapter_model.safetensors')
  expect(existsSync(join(folder, 'out'))).toBe(false)
})

test('nothing that is there is overwritten, and a model that published nothing has nothing', async () => {
  const { folder, path } = await published()
  expect((await runCli('export', '--config', path, '--to', folder)).code).toBe(64)
  const empty = join(folder, 'empty.yaml')
  writeFileSync(empty, 'data_dir: nothing\nmodels: { m: { labels: [a, b] } }')
  const { code, stderr } = await runCli('export', '--config', empty, '--to', join(folder, 'x'))
  expect(code).toBe(66)
  expect(stderr).toContain('has not published a version')
})
