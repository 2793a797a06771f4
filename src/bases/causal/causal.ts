/**
 * Decoders of the Llama family (Llama, SmolLM2, TinyLlama, Qwen2, Qwen3) and Gemma 3 from a folder in Hugging Face layout or a GGUF
 * file. The weights of a GGUF file are widened to float32, so its hash is that of the same numbers in safetensors.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import { readGguf } from '../../nn/containers/gguf.ts'
import { readSafetensors } from '../../nn/containers/safetensors.ts'
import { withFiles, type StoredBytes } from '../../nn/containers/stored-bytes.ts'
import { failure } from '../../platform/errors.ts'
import { openTextBase, shapeOfTextBase } from '../text-base.ts'
import { listedFolder, readJsonFile, refusePickles } from '../folder.ts'
import { templateFault } from './chat-template.ts'
import { causalConfigOf, isGemma, parseCausalConfig, type CausalConfig } from './config.ts'
import { tokenizerOf } from './gguf-tokenizer.ts'
import { languageOf, type LanguageParts, withoutControls } from './language.ts'
import { languageIn, languageInGguf } from './language-files.ts'
import { causalNetwork, HEAD, WORDS } from './network.ts'
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
  readonly language: LanguageParts
}

/** `path`: a folder, or a GGUF file. */
export async function openCausal(path: string): Promise<Base> {
  if (await isFile(path)) return withFiles([path], async (bytes) => opened(inGguf(bytes)))
  return withFiles(await weightFiles(path), async (...files) => opened(await inFolder(path, files)))
}

async function opened({ config, tokenizer, weights, language }: Parts): Promise<Base> {
  const { gemma, ...sizes } = config
  const fault = await templateFault(language)
  // A chat template is no part of the hash: the same network and tokens can be spoken to in another form.
  return openTextBase({
    ...{ name: 'causal', equations: EQUATIONS },
    config: { ...sizes, ...(gemma && { gemma: { ...gemma } }) },
    definition: withoutControls(tokenizer),
    network: causalNetwork(
      config,
      [HEAD, WORDS].find((name) => weights.has(name)),
    ),
    weights,
    language: (tokens) => languageOf({ ...language, fault }, config, tokens),
  })
}

export async function shapeOfCausal(path: string): Promise<Base> {
  if (await isFile(path))
    return withFiles([path], async (bytes) => {
      const file = readGguf(bytes)
      const head = file.tensors.has('output.weight') ? HEAD : WORDS
      return shapeOfTextBase('causal', causalNetwork(causalConfigOf(file), head), path)
    })
  const fields = await readJsonFile(path, 'config.json')
  const network = causalNetwork(parseCausalConfig(fields), isTied(fields) ? WORDS : HEAD)
  return shapeOfTextBase('causal', network, path)
}

function inGguf(bytes: StoredBytes): Parts {
  const file = readGguf(bytes)
  const [config, tokenizer] = [causalConfigOf(file), tokenizerOf(file)]
  const weights = causalWeightsOf(file, config)
  return { config, tokenizer, weights, language: languageInGguf(file, tokenizer) }
}

async function inFolder(path: string, files: readonly StoredBytes[]): Promise<Parts> {
  const fields = await readJsonFile(path, 'config.json')
  const config = parseCausalConfig(fields)
  const tokenizer = await readJsonFile(path, 'tokenizer.json')
  const stored = new Map(files.flatMap((bytes) => [...readSafetensors(bytes).tensors]))
  return {
    ...{ config, tokenizer },
    weights: causalWeights(stored, config, isTied(fields)),
    language: await languageIn(path, tokenizer),
  }
}

/** Whether the embeddings of its tokens are also what their logits are computed by. */
function isTied({ tie_word_embeddings: tied, model_type: type }: Fields): boolean {
  return tied === true || ((tied ?? null) === null && isGemma(type))
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (cause) {
    throw failure('BASE_MISSING', `the base ${path} cannot be read`, { cause })
  }
}

/** One file, or the files that the index names, which must lie in the folder itself. */
async function weightFiles(folder: string): Promise<readonly string[]> {
  const files = await listedFolder(folder)
  refusePickles(folder, files)
  const parts = files.includes(INDEX) ? await partsOf(folder) : [WEIGHTS]
  const missing = parts.find((part) => !files.includes(part))
  if (missing !== undefined) throw failure('BASE_INVALID', `${folder} lacks ${missing}`)
  return parts.map((part) => join(folder, part))
}

async function partsOf(folder: string): Promise<readonly string[]> {
  const { weight_map: map } = await readJsonFile(folder, INDEX)
  const names =
    typeof map === 'object' && map !== null && !Array.isArray(map) ? Object.values(map) : []
  const parts = new Set(names.filter((name) => typeof name === 'string'))
  if (parts.size > 0 && parts.size <= MOST_PARTS) return [...parts]
  throw failure('BASE_INVALID', `${INDEX} in ${folder} names ${parts.size} files`)
}
