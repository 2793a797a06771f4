/** The adapter of a language model, exported by one model and imported by another. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshAdapter, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { importTarget, openRegistry } from '../../src/app/model.ts'
import { loadConfig } from '../../src/config/config.ts'
import { modelOf, openBase } from '../../src/config/model-parts.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { openRandom } from '../../src/platform/random.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { imported, inRegistry } from './import-rig.ts'
import { runCli } from './run-cli.ts'

const decoder = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))

/** Models `m` and `from` on a tiny decoder; `from` has published v0, of random weights. */
async function published(change = (value: number) => value) {
  const folder = scratchFolder()
  const path = join(folder, 'antikythera.yaml')
  const model = `{ base: { causal: ${JSON.stringify(decoder)} }, task: generation, adapter: { rank: 2, tail_layers: 1 } }`
  writeFileSync(path, `models:\n  from: ${model}\n  m: ${model}\n`)
  const config = loadConfig(path)
  const base = await openBase(modelOf(config, 'from').base)
  const { plan } = importTarget(config, 'from', base)
  const parts = { clock: systemClock, log: openLog({ level: 'silent' }) }
  const registry = await openRegistry(config, 'from', base, parts)
  const parameters = randomAdapter(plan, change)
  const manifest = await registry.publish({ manifest: manifestOf(base, plan), parameters })
  await registry.point({ version: manifest.version, expect: 0, reason: 'test', by: 'trainer' })
  await registry.close()
  return { path, folder, parameters }
}

function randomAdapter(plan: AdapterPlan, change: (value: number) => number) {
  const random = openRandom(5, 'adapter')
  const fresh = freshAdapter(plan, random)
  return new Map(
    [...fresh].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map(() => change(random.uniform() - 0.5)) },
    ]),
  )
}

function manifestOf(base: AdapterPlan['base'], { config }: AdapterPlan) {
  return {
    ...({
      format: 1,
      model: 'from',
      version: 'v0',
      digest: '',
      parent: null,
      created: '',
    } as const),
    ...{ base: { name: base.name, hash: base.hash }, task: 'generation', facts: {} },
    ...{ adapter: config, span: {}, events: 0, events_new: 0, steps: 0, files: {} },
    scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    decision: 'promote' as const,
    reason: 'test',
  }
}

test('an exported adapter of a language model is imported by a second model with the same numbers', async () => {
  const { path, folder, parameters } = await published()
  const exported = join(folder, 'exported')
  expect((await runCli('export', 'from', '--config', path, '--to', exported)).code).toBe(0)
  const answer = await imported(path, exported, '-m', 'm', '--promote')
  expect(answer).toMatchObject({ code: 0, generation: 1 })
  const { version } = answer as unknown as { readonly version: string }
  const { manifest, parameters: read } = await inRegistry(path, version)
  expect(manifest).toMatchObject({ task: 'generation', facts: {}, decision: 'imported' })
  expect(new Map(read)).toEqual(new Map(parameters))
})

test('weights that are finite and whose answers are not are refused, and nothing is published', async () => {
  const { path, folder } = await published((value) => Math.sign(value) * 3e38)
  const exported = join(folder, 'exported')
  expect((await runCli('export', 'from', '--config', path, '--to', exported)).code).toBe(0)
  const refused = await runCli('import', exported, '-m', 'm', '--config', path, '--promote')
  expect(refused.code).toBe(65)
  expect(refused.stderr).toContain('answers in finite numbers')
  expect((await runCli('versions', 'm', '--config', path)).stdout).not.toContain('import')
})
