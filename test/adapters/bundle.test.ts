import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { configOfRecord } from '../../src/adapters/recorded-config.ts'
import { readSafetensors, writeSafetensors } from '../../src/nn/containers/safetensors.ts'
import { methods } from '../../src/plugins.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Manifest } from '../../src/versions/contract.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'
import { openRandom } from '../../src/platform/random.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { thrown } from '../coded.ts'
import { randomVersion } from '../nn/random-version.ts'
import { embeddings } from '../learner/embeddings.ts'
import { bert, bytesOf, planOf, tf } from '../trainer/rig.ts'

type Files = ReadonlyMap<string, Uint8Array>

const methodOf = ({ method }: AdapterConfig): MethodPlugin =>
  methods[method as keyof typeof methods]
const bundle = openBundle({ base: bert, methods, tasks: { classification } })
const config: AdapterConfig = { method: 'lora', rank: 3, alpha: 6, tail_layers: 'all' }

function versionOf(labels: readonly string[] = ['a', 'b', 'c'], of = config) {
  return randomVersion(
    planOf({ method: methodOf(of), config: of, labels }),
    openRandom(1, 'version'),
  )
}

describe('a version on disk', () => {
  it.each([
    ['lora', config, ['a', 'b']],
    [
      'lora on two roles of the top layer',
      { ...config, tail_layers: 1, target_modules: ['query', 'value'] },
      ['a'],
    ],
    ['head', { ...config, method: 'head', tail_layers: 0 }, ['a', 'b', 'c']],
    ['ia3', { ...config, method: 'ia3' }, ['a', 'b']],
    ['bitfit', { ...config, method: 'bitfit', tail_layers: 1 }, ['a', 'b']],
    ['norm', { ...config, method: 'norm', tail_layers: 1 }, ['a', 'b']],
    ['full', { ...config, method: 'full', tail_layers: 1 }, ['a', 'b']],
    ['head without a label yet', { ...config, method: 'head', tail_layers: 0 }, []],
  ] as const)('of %s comes back as it went', (_, of, labels) => {
    const version = versionOf(labels, of)
    const read = bundle.read(bundle.write(version), version.manifest)
    expect(bytesOf(read)).toEqual(bytesOf(version.parameters))
  })

  it('has the same bytes for the same content, whatever the order of its tensors', () => {
    const version = versionOf()
    const turned = { ...version, parameters: new Map([...version.parameters].reverse()) }
    expect(bundle.write(turned)).toEqual(bundle.write(version))
  })

  it('is refused when its header is longer than the limit of the config', () => {
    const version = versionOf()
    const parts = { base: bert, methods, tasks: { classification } }
    const strict = openBundle({ ...parts, headerBytes: 100 })
    const error = thrown(() => strict.read(bundle.write(version), version.manifest))
    expect(error.code).toBe('SAFETENSORS_INVALID')
    expect(error.message).toContain('above 100, the limit safetensors_header_bytes')
  })

  it('has the names and the orientation of PEFT', () => {
    const version = versionOf()
    const files = bundle.write(version)
    const { tensors } = readSafetensors(files.get('adapter_model.safetensors')!)
    const site = 'encoder.layer.1.intermediate.dense'
    const a = tensors.get(`base_model.model.${site}.lora_A.weight`)!
    expect(a.shape).toEqual([3, 16])
    expect(tensors.get(`base_model.model.${site}.lora_B.weight`)!.shape).toEqual([24, 3])
    const stored = new DataView(a.data.buffer, a.data.byteOffset)
    const inMemory = version.parameters.get(`${site}.lora_A`)!.data
    expect(stored.getFloat32(4 * (2 * 16 + 5), true)).toBe(inMemory[5 * 3 + 2])
    expect(JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'FEATURE_EXTRACTION',
      r: 3,
      lora_alpha: 6,
      base_model_name_or_path: 'bert',
    })
  })
})

describe('a version that does not fit is refused by the name of its tensor', () => {
  const version = versionOf()
  const site = 'encoder.layer.0.attention.self.key'
  const onDisk = `base_model.model.${site}.lora_A.weight`

  function refusal(
    change: (tensors: Map<string, Tensor>) => void,
    file = 'adapter_model.safetensors',
  ) {
    return thrown(() => bundle.read(altered(bundle.write(version), file, change), version.manifest))
  }

  it.each([
    ['is missing', (t: Map<string, Tensor>) => t.delete(onDisk), `${site}.lora_A`],
    [
      'is one too many',
      (t: Map<string, Tensor>) => t.set(`base_model.model.x.lora_A.weight`, t.get(onDisk)!),
      'x.lora_A',
    ],
    ['has a foreign name', (t: Map<string, Tensor>) => t.set('x', t.get(onDisk)!), 'x'],
    [
      'has another shape',
      (t: Map<string, Tensor>) => t.set(onDisk, { shape: [16, 3], data: t.get(onDisk)!.data }),
      `${site}.lora_A`,
    ],
    [
      'is no matrix',
      (t: Map<string, Tensor>) => t.set(onDisk, { shape: [48], data: t.get(onDisk)!.data }),
      onDisk,
    ],
    [
      'holds no number',
      (t: Map<string, Tensor>) => t.get(onDisk)!.data.fill(NaN, 7, 8),
      `${site}.lora_A`,
    ],
    [
      'is infinite',
      (t: Map<string, Tensor>) => t.get(onDisk)!.data.fill(-Infinity, 7, 8),
      `${site}.lora_A`,
    ],
  ])('when it %s', (_, change, tensor) => {
    expect(refusal(change)).toMatchObject({ code: 'ADAPTER_TENSORS', details: { tensor } })
  })

  it('when the head has rows for other labels', () => {
    const manifest: Manifest = { ...version.manifest, facts: { labels: ['a', 'b'] } }
    expect(thrown(() => bundle.read(bundle.write(version), manifest))).toMatchObject({
      code: 'ADAPTER_TENSORS',
      details: { tensor: 'head.weight' },
    })
    expect(refusal((tensors) => tensors.delete('head.bias'), 'head.safetensors')).toMatchObject({
      details: { tensor: 'head.bias' },
    })
  })

  it('when a whole file is missing', () => {
    for (const file of ['adapter_model.safetensors', 'head.safetensors']) {
      const files = new Map([...bundle.write(version)].filter(([name]) => name !== file))
      expect(thrown(() => bundle.read(files, version.manifest))).toMatchObject({
        code: 'ADAPTER_TENSORS',
        details: { file },
      })
    }
  })

  it('when its method or task is unknown here', () => {
    for (const manifest of [
      { ...version.manifest, adapter: { ...config, method: 'constructor' } },
      { ...version.manifest, task: 'ranking' },
    ])
      expect(thrown(() => bundle.read(bundle.write(version), manifest)).code).toBe(
        'VERSION_FOREIGN',
      )
  })

  it.each([
    ['has the setting twist, which is not known here', { twist: 2 }],
    ['has the setting shrinkage, which is not known here', { shrinkage: 0.5 }],
    ['has dropout: "much", which is no number', { dropout: 'much' }],
    ['has ranks: {"query":"2"}, which is no map', { ranks: { query: '2' } }],
    ['has sites: [1], which is no list', { sites: [1] }],
  ])('when its method %s', (message, settings) => {
    const manifest = { ...version.manifest, adapter: { ...config, ...settings } }
    const error = thrown(() => bundle.read(bundle.write(version), manifest))
    expect(error).toMatchObject({ code: 'VERSION_FOREIGN' })
    expect(error.message).toContain(message)
  })
})

describe('Hugging Face opened these adapters of ours (test/reference/open-with-peft.py)', () => {
  const reference = fileURLToPath(new URL('../reference/peft', import.meta.url))

  it.each(readdirSync(reference))(
    '%s: the same files are written today, with the same answers',
    (name) => {
      const folder = join(reference, name)
      const { labels, ...read } = JSON.parse(
        readFileSync(join(folder, 'manifest.json'), 'utf8'),
      ) as Manifest & { readonly labels: string[] }
      const known = { ...read, facts: { labels }, base: { name: bert.name, hash: bert.hash } }
      const files = new Map(
        ['adapter_config.json', 'adapter_model.safetensors', 'head.safetensors'].map((file) => [
          file,
          new Uint8Array(readFileSync(join(folder, file))),
        ]),
      )
      const parameters = bundle.read(files, known)
      const written = bundle.write({ manifest: known, parameters })
      expect([...written].map(hexOf)).toEqual([...files].map(hexOf))
      for (const { ids, embedding } of rowsOf(folder)) {
        const expected = new Float32Array(new Uint8Array(Buffer.from(embedding, 'base64')).buffer)
        const ours = embeddingOf(ids, configOfRecord(known.adapter), parameters)
        for (const [at, value] of expected.entries()) expect(ours[at]).toBeCloseTo(value, 5)
      }
    },
  )
})

interface Row {
  readonly ids: readonly number[]
  readonly embedding: string
}

function rowsOf(folder: string): readonly Row[] {
  return JSON.parse(readFileSync(join(folder, 'peft.json'), 'utf8')) as readonly Row[]
}

/** Under the adapter, over all layers of the base from the tokens on. */
function embeddingOf(ids: readonly number[], config: AdapterConfig, parameters: Tensors): number[] {
  const plan = planOf({ method: methodOf(config), config })
  const { network } = plan.base
  const cut = config.tail_layers === 'all' ? 0 : network.layers - config.tail_layers
  const baseTensors = new BaseTensors(tf, plan.base)
  let data = new Float32Array() as Float32Array
  tf.tidy(() => {
    const input = {
      ids: tf.tensor([...ids], [1, ids.length], 'int32'),
      mask: tf.ones([1, ids.length]),
    }
    data = network.trunk(tfjsOps(tf, baseTensors, new Map()), input, cut).dataSync<'float32'>()
  })
  baseTensors.dispose()
  const width = network.latentWidth(cut)
  const latent = { positions: data.length / width, width, data }
  return embeddings(plan, parameters, [latent])
}

function altered(
  files: Files,
  file: string,
  change: (tensors: Map<string, Tensor>) => void,
): Files {
  const { tensors } = readSafetensors(files.get(file)!)
  const memory = new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, data: new Float32Array(new Uint8Array(data).buffer) },
    ]),
  )
  change(memory)
  return new Map([...files, [file, writeSafetensors(memory)]])
}

function hexOf([name, bytes]: [string, Uint8Array]): string {
  return `${name} ${Buffer.from(bytes).toString('hex')}`
}
