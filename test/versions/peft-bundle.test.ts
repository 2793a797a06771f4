/** The registry with the bundle that it has in the daemon: versions in the layout of PEFT. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { lora } from '../../src/adapters/lora.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { Version } from '../../src/versions/contract.ts'
import { openLocalRegistry, type LocalRegistryOptions } from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { configOfRecord } from '../../src/adapters/recorded-config.ts'
import { methods } from '../../src/plugins.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { registryConformance } from '../conformance/registry.ts'
import { randomVersion } from '../nn/random-version.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const base = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const bundle = openBundle({ base, methods, tasks: { classification } })
const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }

function version(name: string, value = 1): Version {
  const config = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const
  const plan = labelledPlan({ base, method: lora, config }, ['a', 'b'])
  const { manifest, parameters } = randomVersion(plan, openRandom(value, 'version'))
  return { manifest: { ...manifest, version: name }, parameters }
}

async function open(folder: string, remembered?: LocalRegistryOptions['remembered']) {
  const registry = await openLocalRegistry({
    folder,
    model: 'test',
    base: { name: base.name, hash: base.hash },
    task: classification.kind,
    bundle,
    clock: systemClock,
    log,
    pollMs: 5,
    ...(remembered && { remembered }),
  })
  onTestFinished(() => registry.close())
  return registry
}

registryConformance('local, in the layout of PEFT', () => {
  const folder = scratchFolder()
  return { open: (limits) => open(folder, limits), version }
})

test.each([
  { method: 'bottleneck', placement: 'houlsby' },
  { method: 'loreft', layers: [1], positions: { first: 2 } },
  { method: 'lora', sites: ['query'], rslora: true, dropout: 0.1, ranks: { query: 1 } },
  { method: 'slda', shrinkage: 0.1 },
  { method: 'ranpac', features: 64, ridge: 2 },
] as const)(
  'the hyperparameters %o of an adapter come back with its version',
  async (hyperparameters) => {
    const registry = await open(scratchFolder())
    const { manifest } = version('v1')
    const adapter = { ...manifest.adapter, ...hyperparameters }
    const method = methods[hyperparameters.method]
    const config = configOfRecord(adapter)
    const seen = viewOf(base, method, config)
    const plan = labelledPlan({ base: seen, method, config }, labelsOf(manifest))
    await registry.publish({
      manifest: { ...manifest, adapter },
      parameters: randomVersion(plan, openRandom(1, 'version')).parameters,
    })
    expect((await registry.load('v1')).manifest.adapter).toEqual(adapter)
  },
)

test('a version on disk has the files of PEFT, the head and the manifest', async () => {
  const folder = scratchFolder()
  await (await open(folder)).publish(version('v1'))
  expect(readdirSync(join(folder, 'versions', 'v1')).sort()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'head.safetensors',
    'manifest.json',
  ])
})
