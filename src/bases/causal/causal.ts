/**
 * Decoders of the Llama family (Llama, SmolLM2, TinyLlama, Qwen2, Qwen3) from a folder in Hugging Face layout or a GGUF
 * file. The weights of a GGUF file are widened to float32, so its hash is that of the same numbers in safetensors.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/network.ts'
import type { Input } from '../../contracts/stream.ts'
import { readGguf } from '../../nn/containers/gguf.ts'
import { readSafetensors, type StoredTensor } from '../../nn/containers/safetensors.ts'
import { failure } from '../../platform/errors.ts'
import { hashBase } from '../hash.ts'
import { readText, tokensOf } from '../text.ts'
import { openTokenizer } from '../tokenizer.ts'
import { listedFolder, readJsonFile, refusePickles } from '../folder.ts'
import { causalConfigOf, parseCausalConfig, type CausalConfig } from './config.ts'
import { causalNetwork } from './network.ts'
import { tokenizerOf, withoutControls } from './tokenizer.ts'
import { causalWeights, causalWeightsOf } from './weights.ts'

/** Raised whenever the network or the tokenizer would give another output for the same files. */
const EQUATIONS = 'causal/1'
const WEIGHTS = 'model.safetensors'
const INDEX = `${WEIGHTS}.index.json`
/** Files of one model in several parts. */
const MOST_PARTS = 100

type Fields = Readonly<Record<string, Json>>

interface Parts {
  readonly config: CausalConfig
  readonly tokenizer: Fields
  readonly weights: Tensors
}

/** `path`: a folder, or a GGUF file. */
export async function openCausal(path: string): Promise<Base> {
  const { config, tokenizer: definition, weights } = await read(path)
  const tokenizer = openTokenizer(definition, config.vocabulary)
  return {
    name: 'causal',
    hash: hashBase({ equations: EQUATIONS, config: { ...config }, tokenizer: definition }, weights),
    inputKind: 'text',
    network: causalNetwork(config),
    weights,
    encode(input: Input, maxTokens: number) {
      // The server pads rows to multiples of 4, which must have positions too.
      const most = config.positions - (config.positions % 4)
      const { ids, dropped } = tokenizer.encode(readText(input), Math.min(maxTokens, most))
      return tokensOf(ids, dropped)
    },
  }
}

/** The base without its weights, which take time to read: enough to validate a config. It encodes nothing. */
export async function shapeOfCausal(path: string): Promise<Base> {
  const config = (await isFile(path))
    ? causalConfigOf(readGguf(await readFile(path)))
    : parseCausalConfig(await readJsonFile(path, 'config.json'))
  return {
    name: 'causal',
    hash: '',
    inputKind: 'text',
    network: causalNetwork(config),
    weights: new Map(),
    encode: () => {
      throw failure('BASE_INVALID', `${path} was opened without its weights`)
    },
  }
}

async function read(path: string): Promise<Parts> {
  if (await isFile(path)) {
    const file = readGguf(await readFile(path))
    const config = causalConfigOf(file)
    return {
      config,
      tokenizer: withoutControls(tokenizerOf(file)),
      weights: causalWeightsOf(file, config),
    }
  }
  const config = parseCausalConfig(await readJsonFile(path, 'config.json'))
  const definition = await readJsonFile(path, 'tokenizer.json')
  return {
    config,
    // The maximum length is given at each call; the file's own truncation and padding are ignored.
    tokenizer: withoutControls({ ...definition, truncation: null, padding: null }),
    weights: causalWeights(await readParts(path), config),
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (cause) {
    throw failure('BASE_MISSING', `the base ${path} cannot be read`, { cause })
  }
}

/** One file, or the files that the index names, which must lie in the folder itself. */
async function readParts(folder: string): Promise<ReadonlyMap<string, StoredTensor>> {
  const files = await listedFolder(folder)
  refusePickles(folder, files)
  const parts = files.includes(INDEX) ? await partsOf(folder) : [WEIGHTS]
  const tensors = new Map<string, StoredTensor>()
  for (const part of parts) {
    if (!files.includes(part)) throw failure('BASE_INVALID', `${folder} lacks ${part}`)
    for (const [name, tensor] of readSafetensors(await readFile(join(folder, part))).tensors)
      tensors.set(name, tensor)
  }
  return tensors
}

async function partsOf(folder: string): Promise<readonly string[]> {
  const { weight_map: map } = await readJsonFile(folder, INDEX)
  const names =
    typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.values(map) : []
  const parts = new Set(names.filter((name) => typeof name === 'string'))
  if (parts.size > 0 && parts.size <= MOST_PARTS) return [...parts]
  throw failure('BASE_INVALID', `${INDEX} in ${folder} names ${parts.size} files`)
}
