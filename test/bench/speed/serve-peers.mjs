/**
 * The peers of the serving benchmark, each in a process of its own: torch, ONNX Runtime for Python, and
 * @huggingface/transformers, on one thread. They are installed at the first run, into the cache that all checkouts of this user share;
 * the ONNX file that two of them read is exported by torch from the same weights.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { places } from '../../../deploy/bootstrap/places.mjs'
import { pythonWith } from '../../../deploy/bootstrap/python-venv.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { say } from '../lib/figures.mjs'

const ORT = '1.30.0'
const TRANSFORMERS = '4.3.1'
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** `folder`: of the base, in Hugging Face layout. */
export async function openPeers(folder) {
  const torch = peftPython()
  if (torch === undefined) throw new Error('torch comes with: npm run setup -- --all')
  const python = await pythonWith('onnxruntime', ORT, say)
  const exported = await exportedModel(folder, torch)
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

async function exportedModel(folder, torch) {
  const target = join(places().cache, 'bench', 'minilm-onnx')
  if (existsSync(target)) return target
  const work = `${target}.work`
  mkdirSync(join(work, 'onnx'), { recursive: true })
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(folder, file), join(work, file))
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
