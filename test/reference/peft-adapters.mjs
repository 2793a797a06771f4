/**
 * Writes the adapters of peft/ and peft-decoders/: ours, with random weights, on tiny-bert/half and tiny-causal/llama. PEFT then opens them (open-with-peft.py) and its
 * answers are what ours are held against. To make them again:
 *
 *   npm run build && node test/reference/peft-adapters.mjs && VENV/bin/python test/reference/open-with-peft.py
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { specsOf } from '../../dist/src/adapters/adapter.js'
import { openBundle } from '../../dist/src/adapters/peft/bundle.js'
import { bitfit } from '../../dist/src/adapters/bitfit.js'
import { dora } from '../../dist/src/adapters/dora.js'
import { full } from '../../dist/src/adapters/full.js'
import { head } from '../../dist/src/adapters/head.js'
import { ia3 } from '../../dist/src/adapters/ia3.js'
import { lora } from '../../dist/src/adapters/lora.js'
import { norm } from '../../dist/src/adapters/norm.js'
import { recordedConfig } from '../../dist/src/adapters/recorded-config.js'
import { viewOf } from '../../dist/src/adapters/view.js'
import { openBert } from '../../dist/src/bases/bert/bert.js'
import { openCausal } from '../../dist/src/bases/causal/causal.js'
import { openRandom } from '../../dist/src/platform/random.js'
import { classificationHead as task } from '../../dist/src/tasks/classification/head.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const labels = ['bad', 'good']
const methods = { head, lora, dora, ia3, bitfit, norm, full }

const adapters = {
  head: { method: 'head', rank: 0, alpha: 1, tail_layers: 0 },
  'lora-all': { method: 'lora', rank: 3, alpha: 6, tail_layers: 'all' },
  'lora-top-query-value': {
    method: 'lora',
    rank: 2,
    alpha: 5,
    tail_layers: 1,
    target_modules: ['query', 'value'],
  },
  'lora-stabilised-by-role': {
    method: 'lora',
    rank: 4,
    alpha: 5,
    tail_layers: 'all',
    rslora: true,
    dropout: 0.1,
    ranks: { value: 2, output: 7 },
  },
  'dora-all': { method: 'dora', rank: 3, alpha: 6, tail_layers: 'all' },
  'dora-top-by-role': {
    method: 'dora',
    rank: 4,
    alpha: 5,
    tail_layers: 1,
    rslora: true,
    ranks: { value: 2 },
    target_modules: ['query', 'value', 'output'],
  },
  'ia3-all': { method: 'ia3', rank: 0, alpha: 1, tail_layers: 'all' },
  'ia3-top-every-map': {
    method: 'ia3',
    rank: 0,
    alpha: 1,
    tail_layers: 1,
    target_modules: ['query', 'key', 'value', 'attention-output', 'intermediate', 'output'],
  },
  'bitfit-all': { method: 'bitfit', rank: 0, alpha: 1, tail_layers: 'all' },
  'norm-all': { method: 'norm', rank: 0, alpha: 1, tail_layers: 'all' },
  'norm-top': { method: 'norm', rank: 0, alpha: 1, tail_layers: 1 },
  'full-top': { method: 'full', rank: 0, alpha: 1, tail_layers: 1 },
}

const decoders = {
  'lora-all': adapters['lora-all'],
  'norm-top': adapters['norm-top'],
  'ia3-top': { method: 'ia3', rank: 0, alpha: 1, tail_layers: 1 },
}

write('peft', await openBert(join(here, 'tiny-bert', 'half')), adapters)
write('peft-decoders', await openCausal(join(here, 'tiny-causal', 'llama')), decoders)

function write(place, base, configs) {
  const bundle = openBundle({ base, methods, tasks: { classification: task } })
  for (const [name, config] of Object.entries(configs)) {
    const random = openRandom(1, name)
    const method = methods[config.method]
    const view = viewOf(base, method, config)
    const plan = { base: view, method, task, config, outputs: labels.length }
    const parameters = new Map(
      specsOf(plan).map((spec) => [
        spec.name,
        { shape: spec.shape, data: drawn(spec.shape, random) },
      ]),
    )
    const folder = join(here, place, name)
    mkdirSync(folder, { recursive: true })
    const adapter = recordedConfig(config)
    const told = { adapter, labels, task: task.kind }
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(told)}\n`)
    const manifest = { adapter, facts: { labels }, task: task.kind }
    for (const [file, bytes] of bundle.write({ manifest, parameters }))
      writeFileSync(join(folder, file), bytes)
  }
}

function drawn(shape, random) {
  const length = shape.reduce((product, size) => product * size, 1)
  return Float32Array.from({ length }, () => random.normal() * 0.3)
}
