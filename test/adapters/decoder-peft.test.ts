/**
 * Adapters of decoders that Hugging Face opened on `LlamaForSequenceClassification` and `LlamaForCausalLM` without a warning
 * (test/reference/open-with-peft.py): the same files are written today, with the same embedding of the last token.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { configOfRecord } from '../../src/adapters/recorded-config.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { methods } from '../../src/plugins.ts'
import { unit } from '../../src/serving/services/embedding-service.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import type { Manifest } from '../../src/versions/contract.ts'
import { embeddings } from '../learner/embeddings.ts'
import { openTiny } from '../nn/tiny-language.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'

const reference = fileURLToPath(new URL('../reference/peft-decoders', import.meta.url))
const base = await openTiny('llama')
const bundle = openBundle({ base, methods, tasks: { classification } })

interface Row {
  readonly ids: readonly number[]
  readonly embedding: string
}

test.each(readdirSync(reference))('%s', async (name) => {
  const read = (file: string) => readFileSync(join(reference, name, file))
  const { labels, ...told } = JSON.parse(read('manifest.json').toString()) as Manifest & {
    readonly labels: string[]
  }
  const manifest = { ...told, facts: { labels }, base: { name: base.name, hash: base.hash } }
  const names = ['adapter_config.json', 'adapter_model.safetensors', 'head.safetensors']
  const files = new Map(names.map((file) => [file, new Uint8Array(read(file))]))
  const parameters = bundle.read(files, manifest)
  for (const [file, bytes] of bundle.write({ manifest, parameters }))
    expect(Buffer.from(bytes).equals(files.get(file)!), file).toBe(true)

  const config = configOfRecord(manifest.adapter)
  const method: MethodPlugin = methods[config.method as 'lora']
  const plan = labelledPlan({ base, method, config }, labels)
  const trunk = await openTrunkEngine(base, cutOf(config.tail_layers, base.network.layers))
  const rows = JSON.parse(read('peft.json').toString()) as readonly Row[]
  for (const { ids, embedding } of rows) {
    const [latent] = await trunk.encode([{ data: Int32Array.from(ids) }])
    const ours = unit(Float32Array.from(embeddings(plan, parameters, [latent!])))
    const theirs = new Float32Array(new Uint8Array(Buffer.from(embedding, 'base64')).buffer)
    for (const [at, value] of theirs.entries()) expect(ours[at]).toBeCloseTo(value, 5)
  }
  await trunk.close()
})
