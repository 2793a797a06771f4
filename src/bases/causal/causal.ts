/**
 * Decoders of the Llama family (Llama, SmolLM2, TinyLlama, Qwen2, Qwen3) from a folder in Hugging Face layout or a GGUF
 * file. The weights of a GGUF file are widened to float32, so its hash is that of the same numbers in safetensors.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/network.ts'
import { readGguf } from '../../nn/containers/gguf.ts'
import { readSafetensors, type StoredTensor } from '../../nn/containers/safetensors.ts'
import { failure } from '../../platform/errors.ts'
import { openTextBase, shapeOfTextBase } from '../text-base.ts'
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
  const { config, tokenizer, weights } = await read(path)
  return openTextBase({
    ...{ name: 'causal', equations: EQUATIONS, config: { ...config }, definition: tokenizer },
    network: causalNetwork(config),
    weights,
  })
}

export async function shapeOfCausal(path: string): Promise<Base> {
  const config = (await isFile(path))
    ? causalConfigOf(readGguf(await readFile(path)))
    : parseCausalConfig(await readJsonFile(path, 'config.json'))
  return shapeOfTextBase('causal', causalNetwork(config), path)
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
  return {
    config,
    tokenizer: withoutControls(await readJsonFile(path, 'tokenizer.json')),
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
