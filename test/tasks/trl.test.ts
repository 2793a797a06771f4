/** The losses of texts and the length of their gradient, against TRL on the same batch (reference/with-trl.py). */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { recordedConfig, identityOf } from '../../src/adapters/recorded-config.ts'
import { toFloat32 } from '../../src/nn/containers/floats.ts'
import { readSafetensors } from '../../src/nn/containers/safetensors.ts'
import { methods } from '../../src/plugins.ts'
import { methodOf, sitesOf } from '../../src/adapters/adapter.ts'
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { EncodedRow, TokenSequence } from '../../src/contracts/network.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import type { GenerationSettings } from '../../src/tasks/generation/settings.ts'
import { hyperparameters, llama, openTexts, textPlan } from './texts.ts'

interface Row {
  readonly ids: readonly number[]
  /** Tokens of the answer, at the end. */
  readonly answer: number
}

interface Case {
  readonly name: string
  readonly settings: Partial<GenerationSettings>
  readonly rows: readonly Row[]
  readonly mismatched?: readonly Row[]
  readonly ratings?: readonly (1 | -1)[]
  /** Of the answers of each group. */
  readonly rewards?: readonly (readonly number[])[]
  readonly loss: number
  readonly gradient: number
}

const file = new URL('../reference/trl.json', import.meta.url)
const { tensors, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly tensors: Readonly<Record<string, { readonly shape: number[]; readonly data: string }>>
  readonly cases: readonly Case[]
}

const config = {
  ...{ method: 'lora', rank: 2, alpha: 4, tail_layers: 1 },
  target_modules: ['query', 'value'],
} as const

function adapter(plan: ReturnType<typeof textPlan>): Tensors {
  const disk = Object.entries(tensors).map(([name, { shape, data }]): [string, Tensor] => {
    const { buffer } = Uint8Array.from(Buffer.from(data, 'base64'))
    return [name, { shape, data: new Float32Array(buffer) }]
  })
  return methodOf(plan).fromDisk(new Map(disk), sitesOf(plan))
}

function encoded(rows: readonly Row[], isCompared: boolean): EncodedRow {
  const sequences = rows.map(({ ids, answer }): TokenSequence => {
    return { length: ids.length, answerFrom: ids.length - answer }
  })
  const ids = Int32Array.from(rows.flatMap((row) => row.ids))
  return { data: ids, sequences, ...(isCompared && { isCompared }) }
}

/** DPO has all chosen answers, then all rejected ones; RLOO the answers of one prompt after those of another. */
function rowsOf({ name, rows, mismatched = [], ratings = [], rewards = [] }: Case) {
  if (name.startsWith('sft'))
    return rows.map((row) => {
      const target = { kind: 'completion', completion: '' }
      return { target, encoded: encoded([row], false), beside: undefined }
    })
  if (name.startsWith('kto'))
    return rows.map((row, at) => ({
      target: { kind: 'rating', rating: ratings[at]!, completion: '' },
      encoded: encoded([row], true),
      beside: encoded([mismatched[at]!], true),
    }))
  if (name.startsWith('rloo'))
    return rewards.map((group, at) => ({
      target: { kind: 'answers', answers: group.map((reward) => ({ text: '', reward })) },
      encoded: encoded(rows.slice(at * group.length, (at + 1) * group.length), true),
      beside: undefined,
    }))
  const pairs = rows.length / 2
  return rows.slice(0, pairs).map((row, at) => ({
    target: { kind: 'preference', chosen: '', rejected: '' },
    encoded: encoded([row, rows[pairs + at]!], true),
    beside: undefined,
  }))
}

test('a version has the files that PEFT writes for a model of texts', () => {
  const plan = textPlan({ config })
  const bundle = openBundle({ base: llama, methods, tasks: { generation: plan.task } })
  const manifest = {
    ...{ version: 'v1', base: identityOf(llama), task: 'generation', facts: {} },
    adapter: recordedConfig(config),
  }
  const parameters = adapter(plan)
  const files = bundle.write({ manifest, parameters })
  const written = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json'))) as object
  expect(written).toMatchObject({ task_type: 'CAUSAL_LM', peft_type: 'LORA', r: 2, lora_alpha: 4 })
  const inFile = readSafetensors(files.get('adapter_model.safetensors')!).tensors
  const theirs = Object.entries(tensors).map(([name, { shape, data }]) => [name, shape, data])
  const ours = [...inFile].map(([name, tensor]) => {
    const { data } = toFloat32(tensor, name)
    return [
      name,
      tensor.shape,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
    ]
  })
  expect(ours.sort()).toEqual(theirs.sort())
  expect(bundle.read(files, manifest)).toEqual(parameters)
})

test.each(cases)('$name has the loss and the gradient of TRL', async (each) => {
  const plan = textPlan({ config, ...each.settings })
  const trunk = await openTrunkEngine(llama, 1)
  const rows: TrainRow[] = []
  for (const { target, encoded, beside } of rowsOf(each)) {
    const [latent, other] = await trunk.encode([encoded, ...(beside ? [beside] : [])])
    rows.push({ target, weight: 1, latent: latent!, ...(other && { beside: other }) })
  }
  await trunk.close()
  const free = { ...hyperparameters, learning_rate: 0, clip_norm: Infinity }
  const trainable = openTexts(plan, { parameters: adapter(plan), hyperparameters: free })
  const { loss, gradientNorm } = trainable.step(rows)
  trainable.dispose()
  expect(Math.abs(loss - each.loss)).toBeLessThan(1e-4)
  expect(Math.abs(gradientNorm - each.gradient)).toBeLessThan(1e-4 * Math.max(1, each.gradient))
})
