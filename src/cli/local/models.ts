/** Lists and downloads pretrained bases. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pullBase, type PullProgress } from '../../bases/pulled/pull.ts'
import { pulledFolder } from '../../bases/pulled/pulled.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import type { bases } from '../../plugins.ts'
import { print, table } from '../print.ts'
import { openProgress, type Progress } from '../progress.ts'

export interface ModelsFlags {
  readonly json?: boolean
  readonly to?: string
}

const builtIn: Readonly<Record<keyof typeof bases, string>> = {
  'use-lite': 'base: use-lite (comes with the packages)',
  minilm: 'base: minilm (better and slower: after antikythera models pull minilm)',
  'e5-small': 'base: e5-small (a hundred languages: after antikythera models pull e5-small)',
  static: 'base: static (a vector a token, very fast: after antikythera models pull static)',
  'efficientnet-lite0':
    'base: efficientnet-lite0 (pictures: after antikythera models pull efficientnet-lite0)',
  smollm2: 'base: smollm2 (a small language model: after antikythera models pull smollm2)',
  pulled: 'base: { pulled: OWNER/NAME } (after antikythera models pull OWNER/NAME)',
  bert: 'base: { bert: FOLDER } (BERT-family encoder in Hugging Face layout)',
  causal: 'base: { causal: PATH } (decoder of the Llama family: a folder, or a GGUF file)',
  features: 'base: { features: { size: N } } (vectors of numbers)',
  onnx: 'base: { onnx: { file: FILE } } (a network of pictures of your own, for heads and closed forms)',
  pair: 'base: { pair: { context: { size: N }, item: { size: M } } } (for task: ranking)',
  'text-pair': 'base: { text-pair: { of: minilm } } (pairs of texts, on a base of texts)',
  document: 'base: { document: { of: minilm } } (texts of many pages, on a base of texts)',
  fields:
    'base: { fields: { schema: { amount: number }, bases: { note: minilm } } } (a table beside texts and pictures)',
}

export async function listModels(flags: ModelsFlags): Promise<void> {
  const folder = dirname(pulledFolder('any'))
  const names = await readdir(folder).catch(() => [])
  const pulled = names
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => ({ name: name.replace('--', '/'), folder: join(folder, name) }))
  print(flags.json, { bases: builtIn, pulled }, () => [
    ...table(Object.entries(builtIn)),
    '',
    ...(pulled.length === 0
      ? ['no base was downloaded yet: antikythera models pull minilm']
      : table(pulled.map(({ name }) => [name, baseLine(name)]))),
  ])
}

/** One after another; those that came stay when a later one fails. Throws USAGE for one folder of several bases. */
export async function pullModels(names: readonly string[], flags: ModelsFlags): Promise<void> {
  if (names.length > 1 && flags.to !== undefined)
    throw failure('USAGE', `--to is the folder of one base, and ${names.length} are named`)
  const pulled: PulledModel[] = []
  for (const name of names) {
    const model = await pulledModel(name, flags)
    pulled.push(model)
    const base = flags.to === undefined ? baseLine(name) : `base: { bert: ${flags.to} }`
    if (flags.json !== true)
      print(false, model, () => [`${name} is in ${model.folder}`, `  in a config: ${base}`])
  }
  if (flags.json === true) print(true, pulled.length === 1 ? pulled[0] : pulled, () => [])
}

interface PulledModel {
  readonly name: string
  readonly folder: string
  readonly hash: string
}

async function pulledModel(name: string, { to }: ModelsFlags): Promise<PulledModel> {
  const folder = to === undefined ? pulledFolder(name) : resolve(to)
  const progress = openProgress({ clock: systemClock, unit: 'MB' })
  try {
    const { hash } = await pullBase(name, folder, (now) => {
      show(progress, now)
    })
    return { name, folder, hash }
  } finally {
    progress.end()
  }
}

/** Downloads it where this user's cache does not have it. */
export async function pullOnce(name: string): Promise<void> {
  if (!existsSync(pulledFolder(name))) await pullModels([name], {})
}

/** How a config names a downloaded base, on any machine. */
function baseLine(name: string): string {
  return name.includes('/') ? `base: { pulled: ${name} }` : `base: ${name}`
}

function show(progress: Progress, { step, receivedBytes, totalBytes }: PullProgress): void {
  if (step === 'checking') progress.say('checking that it can be opened')
  else if (receivedBytes !== undefined)
    progress.update({
      done: receivedBytes,
      total: totalBytes,
      items: Math.round(receivedBytes / 1e6),
    })
}
