/**
 * The peers of the serving benchmark, each in a process of its own: torch, ONNX Runtime for Python, and
 * @huggingface/transformers, on one thread. They are installed at the first run, into the cache that all checkouts of this user share;
 * the ONNX file that two of them read is exported by torch from the same weights. Of `e5-small` these are written in Hugging Face layout
 * first, without the rows of the vocabulary that nothing here asks for.
 */
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { places } from '../../../deploy/bootstrap/places.mjs'
import { pythonWith } from '../../../deploy/bootstrap/python-venv.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { readE5Sizes } from '../../../dist/src/nn/containers/e5.js'
import { writeSafetensors } from '../../../dist/src/nn/containers/safetensors.js'
import { say } from '../lib/figures.mjs'

const ORT = '1.30.0'
const TRANSFORMERS = '4.3.1'
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Of the base by this name. */
export async function openPeers(name, base) {
  const folder = name === 'e5-small' ? publishedE5(base) : pulledFolder(name)
  const torch = peftPython()
  if (torch === undefined) throw new Error('torch comes with: npm run setup -- --all')
  const python = await pythonWith('onnxruntime', ORT, say)
  const exported = await exportedModel(name, folder, torch)
  const node = await transformersFolder()
  const program = here('serve.py')
  return Promise.all([
    open('torch', torch, [program, 'torch', folder]),
    open('onnxruntime (Python)', python, [program, 'onnxruntime', exported]),
    open('@huggingface/transformers', process.execPath, [
      here('serve-transformers.mjs'),
      node,
      exported,
    ]),
  ])
}

/** `run(batch, tokens, times)` → milliseconds of each, and of CPU by the way; `embed(tokens)` → the mean over the tokens of one row, at unit length. */
async function open(name, command, args) {
  const env = { ...process.env, OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${name} ended`)
    return JSON.parse(value)
  }
  const { version } = await next()
  const ask = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    return next()
  }
  return {
    name,
    version,
    run: (batch, tokens, times) => ask({ batch, tokens, times }),
    embed: async (tokens) => (await ask({ embed: tokens })).embedding,
    close: () => child.stdin.end(),
  }
}

/** Its CPU runtime lies in the package; the install script would only add what a GPU needs. */
async function transformersFolder() {
  const folder = join(places().cache, `transformers-js-${TRANSFORMERS}`)
  if (existsSync(folder)) return folder
  say(`installing @huggingface/transformers ${TRANSFORMERS} into ${folder}`)
  const work = `${folder}.work`
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'package.json'), '{ "private": true }\n')
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
  await run('npm', [...install, `@huggingface/transformers@${TRANSFORMERS}`], work)
  renameSync(work, folder)
  return folder
}

/** Ids of the benchmark are below it. */
const ROWS = 8192

/** e5-small as `BertModel` reads it: matrices are [out, in]. */
function publishedE5({ weights }) {
  const folder = join(places().cache, 'bench', 'e5-small-bert')
  if (existsSync(folder)) return folder
  const sizes = readE5Sizes(readFileSync(join(pulledFolder('e5-small'), 'model.e5')))
  const tensors = [...weights].map(([name, { shape, data }]) => {
    const [rows, columns] = shape
    if (name === 'embeddings.token_type')
      return ['embeddings.token_type_embeddings.weight', { shape: [1, rows], data }]
    if (name === 'embeddings.word_embeddings.weight')
      return [name, { shape: [ROWS, columns], data: data.slice(0, ROWS * columns) }]
    if (columns === undefined || name.includes('_embeddings')) return [name, { shape, data }]
    const turned = data.map((_, at) => data[(at % rows) * columns + Math.floor(at / rows)])
    return [name, { shape: [columns, rows], data: turned }]
  })
  mkdirSync(`${folder}.work`, { recursive: true })
  writeFileSync(join(`${folder}.work`, 'model.safetensors'), writeSafetensors(new Map(tensors)))
  const config = {
    ...{ model_type: 'bert', architectures: ['BertModel'], hidden_act: 'gelu' },
    ...{ vocab_size: ROWS, type_vocab_size: 1, max_position_embeddings: sizes.positions },
    ...{ hidden_size: sizes.width, num_hidden_layers: sizes.layers },
    ...{ num_attention_heads: sizes.heads, intermediate_size: sizes.inner },
    layer_norm_eps: sizes.epsilon,
  }
  writeFileSync(join(`${folder}.work`, 'config.json'), JSON.stringify(config))
  renameSync(`${folder}.work`, folder)
  return folder
}

async function exportedModel(name, folder, torch) {
  const target = join(places().cache, 'bench', `${name}-onnx`)
  if (existsSync(target)) return target
  const work = `${target}.work`
  mkdirSync(join(work, 'onnx'), { recursive: true })
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    if (existsSync(join(folder, file))) copyFileSync(join(folder, file), join(work, file))
  await run(torch, [here('serve.py'), 'export', folder, join(work, 'onnx', 'model.onnx')])
  mkdirSync(dirname(target), { recursive: true })
  renameSync(work, target)
  return target
}

async function run(command, args, cwd) {
  const result = await runTool(command, args, { timeoutSeconds: 1800, ...(cwd && { cwd }) })
  if (result.code === 0 && !result.stopped) return
  throw new Error(`${command} ${args[0]}: ${reasonLine(result)}`)
}
