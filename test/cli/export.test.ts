import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { viewOf } from '../../src/adapters/view.ts'
import { adapterOf, folderOf, methodOf, modelOf, openBase } from '../../src/config/model-parts.ts'
import { openRegistry } from '../../src/app/model.ts'
import { taskPluginOf } from '../../src/config/tasks.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openLog } from '../../src/platform/log.ts'
import { sigmoid } from '../../src/nn/sigmoid.ts'
import { openRandom } from '../../src/platform/random.ts'
import { tagNames } from '../../src/tasks/spans/bioes.ts'
import { randomVersion } from '../nn/random-version.ts'
import { scratchFolder } from '../scratch-folder.ts'
import {
  classifiedByPeft,
  inRegistry,
  needsPeft,
  printedByReadme,
  servedLogits,
  tinyBert,
} from './import-rig.ts'
import { runCli } from './run-cli.ts'

const sentiment = '{ labels: [negative, positive] }'
const pieces = '{ task: spans, labels: [negative, positive] }'
const flags = '{ task: multilabel, labels: [negative, positive] }'

/** Of each label of a multilabel. */
const THRESHOLD = 0.4

/** A data folder with v0 and v1 of the model `m`, of random weights, v1 live. */
async function published(model = sentiment) {
  const folder = scratchFolder()
  const path = join(folder, 'antikythera.yaml')
  writeFileSync(path, `models: { m: ${model} }`)
  const config = loadConfig(path)
  const settings = modelOf(config, 'm')
  const base = await openBase(settings.base)
  const log = openLog({ level: 'silent' })
  const registry = await openRegistry(config, 'm', base, { clock: systemClock, log })
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const task = taskPluginOf(settings)
  const labels = task.keys.includes('labels') ? ['negative', 'positive'] : []
  const facts = {
    ...(labels.length > 0 && { labels }),
    ...(task.areIndependent === true && {
      thresholds: { negative: THRESHOLD },
      threshold: THRESHOLD,
    }),
  }
  const seen = viewOf(base, method, adapter)
  const outputs = task.outputs(task.headIn(facts))
  const plan = { base: seen, method, task, config: adapter, outputs, facts }
  for (const name of ['v0', 'v1']) {
    const { manifest, parameters } = randomVersion(plan, openRandom(name, 'adapter'))
    const { version } = await registry.publish({
      manifest: { ...manifest, model: 'm', version: name },
      parameters,
    })
    const expect = (await registry.live())?.generation ?? 0
    await registry.point({ version, expect, reason: 'test', by: 'trainer' })
  }
  await registry.close()
  return { folder, path, versions: join(folderOf(config, 'm'), 'versions') }
}

test('the live version is written byte for byte as the registry keeps it, with what PEFT looks for', async () => {
  const { folder, path, versions } = await published()
  const to = join(folder, 'out', 'adapter')
  const { code, json } = await runCli('export', '--config', path, '--to', to, '--json')
  expect(code).toBe(0)
  expect(json()).toMatchObject({ model: 'm', version: 'v1', folder: to })
  const names = readdirSync(to).sort()
  const kept = readdirSync(join(versions, 'v1'))
  expect(kept).toEqual(expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors']))
  expect(names).toEqual([...kept, 'README.md', 'head_config.json'].sort())
  for (const name of kept)
    expect(readFileSync(join(to, name))).toEqual(readFileSync(join(versions, 'v1', name)))
  expect(JSON.parse(readFileSync(join(to, 'adapter_config.json'), 'utf8'))).toMatchObject({
    peft_type: 'LORA',
  })
  expect(JSON.parse(readFileSync(join(to, 'head_config.json'), 'utf8'))).toEqual({
    ...{ reads: 'pooled', scale: 10, unit: true },
  })
  expect(readFileSync(join(to, 'README.md'), 'utf8')).toContain('z = 10 · x · W + b')
})

const tinyBase = (name: string) => fileURLToPath(new URL(`../reference/${name}`, import.meta.url))

test.for([
  ['tiny-bert/half', sentiment],
  ['tiny-bert/half', pieces],
  ['tiny-bert/half', flags],
  ['tiny-causal/llama', '{ task: generation }'],
] as const)(
  'of a base of the hub, %s, the Python in the README prints an answer of the version',
  async ([tiny, model], context) => {
    needsPeft(context)
    const cache = scratchFolder()
    vi.stubEnv('XDG_CACHE_HOME', cache)
    onTestFinished(() => void vi.unstubAllEnvs())
    cpSync(tinyBase(tiny), join(cache, 'antikythera/models/', tiny.replace('/', '--')), {
      recursive: true,
    })
    const { folder, path } = await published(
      model.replace('{', `{ base: { pulled: ${tiny} }, adapter: { method: lora },`),
    )
    const to = join(folder, 'out')
    expect((await runCli('export', '--config', path, '--to', to)).code).toBe(0)
    const config = JSON.parse(readFileSync(join(to, 'adapter_config.json'), 'utf8')) as object
    expect(config).toMatchObject({ base_model_name_or_path: tiny })
    const printed = await printedByReadme(to, tiny, tinyBase(tiny))
    expect(printed.join('')).not.toBe('')
    if (model === '{ task: generation }') return
    const [logits = []] = await servedLogits(await inRegistry(path, 'v1'), ['what a lovely phone'])
    if (model === pieces) {
      const names = tagNames(['negative', 'positive'])
      const tags = Array.from({ length: logits.length / 9 }, (_, at) => {
        const row = logits.slice(9 * at, 9 * at + 9)
        return names[row.indexOf(Math.max(...row))]
      })
      expect(printed).toEqual([`[${tags.map((tag) => `'${tag}'`).join(', ')}]`])
      return
    }
    if (model === flags) {
      const said = ['negative', 'positive'].filter((_, at) => sigmoid(logits[at]!) >= THRESHOLD)
      expect(printed).toEqual([`[[${said.map((label) => `'${label}'`).join(', ')}]]`])
      return
    }
    const best = logits[0]! > logits[1]! ? 'negative' : 'positive'
    expect(printed).toEqual([`['${best}']`])
  },
)

test.for([
  ['spans', 'TOKEN_CLS', pieces],
  ['multilabel', 'SEQ_CLS', flags],
] as const)(
  'a version of %s is a %s to PEFT, with the same logits there, and back after a step of PEFT',
  async ([, type, model], context) => {
    needsPeft(context)
    const { folder, path } = await published(
      model.replace(
        '{',
        `{ base: { bert: ${tinyBert} }, adapter: { method: lora, tail_layers: all },`,
      ),
    )
    const to = join(folder, 'out')
    expect((await runCli('export', '--config', path, '--to', to)).code).toBe(0)
    const config = JSON.parse(readFileSync(join(to, 'adapter_config.json'), 'utf8')) as object
    expect(config).toMatchObject({ task_type: type, modules_to_save: ['classifier'] })
    const { before, after } = await classifiedByPeft(to)
    expect(before).not.toEqual(after)
    for (const [rows, imported] of [
      [before, to],
      [after, `${to}-on`],
    ] as const) {
      const { code, json } = await runCli('import', imported, '--config', path, '--json')
      expect(code).toBe(0)
      const { version } = json() as { readonly version: string }
      // Thresholds belong to the head that they were chosen with.
      const { facts } = (await inRegistry(path, version)).manifest
      if (model === flags && imported === to) expect(facts).toMatchObject({ threshold: THRESHOLD })
      else expect(facts).not.toHaveProperty('threshold')
      const texts = rows.map(({ text }) => text)
      for (const name of imported === to ? ['v1', version] : [version])
        for (const [at, logits] of (
          await servedLogits(await inRegistry(path, name), texts)
        ).entries()) {
          expect(logits).toHaveLength(rows[at]!.logits.length)
          for (const [k, logit] of logits.entries())
            expect(logit).toBeCloseTo(rows[at]!.logits[k]!, 4)
        }
    }
    if (model !== flags) return
    // As PEFT saves it: nothing in the folder says what the classifier read.
    rmSync(join(`${to}-on`, 'manifest.json'))
    const foreign = ['import', `${to}-on`, '--config', path, '--trust-base', '--json']
    const refused = await runCli(...foreign)
    expect(refused.stderr).toContain('--head folder, if its classifier read the mean')
    expect((await runCli(...foreign, '--head', 'folder')).code).toBe(0)
  },
)

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
