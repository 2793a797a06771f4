/**
 * Encoders of the families of BERT, RoBERTa and XLM-R, and ModernBERT, in the layout of Hugging Face: config.json,
 * tokenizer.json, model.safetensors. The embedding is the mean over the real tokens at unit length. Pickled weights can run
 * code when opened, and are refused.
 */
import { join } from 'node:path'
import { readSafetensors, type StoredTensor } from '../../nn/containers/safetensors.ts'
import { withFiles } from '../../nn/containers/stored-bytes.ts'
import type { Base } from '../../contracts/base.ts'
import { failure } from '../../platform/errors.ts'
import { listedFolder, readJsonFile, refusePickles } from '../folder.ts'
import { openTextBase, shapeOfTextBase } from '../text-base.ts'
import { toFloat32, transposed } from '../../nn/containers/floats.ts'
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import { bertNetwork, parseBertConfig, positionOffset, type BertConfig } from './network.ts'
import { MODERN_WORDS, modernNetwork, parseModernConfig, takeModernWeights } from './modern.ts'

const WEIGHTS = 'model.safetensors'
const POOLING = '1_Pooling/config.json'

/** Raised whenever the network or the tokenizer would give another output for the same files. */
const EQUATIONS = { bert: 'bert/1', roberta: 'roberta/1', modern: 'modernbert/1' }

export async function openBert(folder: string): Promise<Base> {
  await checkFiles(folder)
  const fields = await readJsonFile(folder, 'config.json')
  const definition = await readJsonFile(folder, 'tokenizer.json')
  const { config, network, equations, take, classes, typesIn } = encoderOf(fields)
  return withFiles([join(folder, WEIGHTS)], async (bytes) => {
    const { tensors } = readSafetensors(bytes)
    const base = await openTextBase({
      ...{ name: 'bert', equations, config, definition, network },
      weights: take(tensors),
      types: typesIn?.(tensors),
    })
    return { ...base, ...classes }
  })
}

export async function shapeOfBert(folder: string): Promise<Base> {
  await checkFiles(folder)
  const { network, typesIn } = encoderOf(await readJsonFile(folder, 'config.json'))
  return shapeOfTextBase('bert', network, folder, { readsPairs: typesIn !== undefined })
}

/** Of the family that `config.json` names. */
function encoderOf(fields: Readonly<Record<string, Json>>) {
  type Stored = ReadonlyMap<string, StoredTensor>
  if (fields.model_type === 'modernbert') {
    const config = parseModernConfig(fields)
    const take = (stored: Stored) => takeModernWeights(taker(stored, MODERN_WORDS), config)
    const written = { ...config, kinds: [...config.kinds], ropeBases: { ...config.ropeBases } }
    return {
      ...{ config: written, network: modernNetwork(config), equations: EQUATIONS.modern, take },
      // Its classes have a map and a norm before the classifier.
      ...{ classes: {}, typesIn: undefined },
    }
  }
  const config = parseBertConfig(fields)
  const offset = positionOffset(fields)
  const take = (stored: Stored) =>
    takeBertWeights(behind(taker(stored, WORDS), config, offset), config)
  const isBert = offset === 0
  const equations = isBert ? EQUATIONS.bert : EQUATIONS.roberta
  // The class of RoBERTa for sequences has a map of its own before the classifier.
  const classes = isBert ? { tokenClass: 'bert', sequenceClass: 'bert' } : { tokenClass: 'roberta' }
  const typesIn = (stored: Stored) => tokenTypes(taker(stored, WORDS), config)
  const network = bertNetwork(config)
  return { config: { ...config }, network, equations, take, classes, typesIn }
}

/** RoBERTa's table of positions begins with rows that no text has. */
function behind(take: Take, { positions, width }: BertConfig, offset: number): Take {
  return (name, shape) => {
    if (name !== POSITIONS || offset === 0) return take(name, shape)
    const { data } = take(name, [positions + offset, width])
    return { shape, data: data.slice(offset * width) }
  }
}

async function checkFiles(folder: string): Promise<void> {
  const files = await listedFolder(folder)
  refusePickles(folder, files)
  if (files.includes(`${WEIGHTS}.index.json`))
    throw failure(
      'BASE_UNSUPPORTED',
      `${folder} holds its weights in several files (${WEIGHTS}.index.json)`,
    )
  for (const file of ['config.json', 'tokenizer.json', WEIGHTS])
    if (!files.includes(file)) throw failure('BASE_INVALID', `${folder} lacks ${file}`)
  if (files.includes('1_Pooling')) await checkPooling(folder)
}

/** A sentence encoder trained with a different pooling would not give its published vectors here. */
async function checkPooling(folder: string): Promise<void> {
  const pooling = await readJsonFile(folder, POOLING)
  const modes = Object.keys(pooling).filter((key) => key.startsWith('pooling_mode'))
  const other = modes.find((mode) => pooling[mode] !== (mode === 'pooling_mode_mean_tokens'))
  if (other === undefined) return
  throw failure(
    'BASE_UNSUPPORTED',
    `${POOLING}: ${other} is ${JSON.stringify(pooling[other])}; only mean pooling is supported (remove 1_Pooling to use it anyway)`,
    { details: { field: other } },
  )
}

/**
 * The tensors of a BERT checkpoint in the form of the network. PyTorch stores a linear map as [out, in]; each is
 * transposed once to [in, out]. Tensors that the network does not read (a pooler, a language-model head) are ignored.
 */
type NamedTensor = readonly [name: string, tensor: Tensor]

/** Gives a tensor by its name in `BertModel`; throws BASE_INVALID if it is missing or has another shape. */
type Take = (name: string, shape: readonly number[]) => Tensor

export const WORDS = 'embeddings.word_embeddings.weight'
const POSITIONS = 'embeddings.position_embeddings.weight'

export function takeBertWeights(take: Take, config: BertConfig): Tensors {
  const { layers, width, inner, positions, vocabulary, types } = config
  const kinds = take(TYPE_TABLE, [types, width])
  const weights: NamedTensor[] = [
    [WORDS, take(WORDS, [vocabulary, width])],
    [POSITIONS, take(POSITIONS, [positions, width])],
    ['embeddings.token_type', { shape: [width], data: kinds.data.slice(0, width) }],
    ...norm(take, 'embeddings.LayerNorm', width),
  ]
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `encoder.layer.${layer}`
    for (const map of ['self.query', 'self.key', 'self.value', 'output.dense'])
      weights.push(...linear(take, `${at}.attention.${map}`, width, width))
    weights.push(...norm(take, `${at}.attention.output.LayerNorm`, width))
    weights.push(...linear(take, `${at}.intermediate.dense`, width, inner))
    weights.push(...linear(take, `${at}.output.dense`, inner, width))
    weights.push(...norm(take, `${at}.output.LayerNorm`, width))
  }
  return new Map(weights)
}

const TYPE_TABLE = 'embeddings.token_type_embeddings.weight'

/** The vectors of first and second text [2, width]; of an encoder with one type, that one twice. */
export function tokenTypes(take: Take, { types, width }: BertConfig): Tensor {
  const { data } = take(TYPE_TABLE, [types, width])
  const first = data.subarray(0, width)
  const both = new Float32Array(2 * width)
  both.set(first)
  both.set(types === 1 ? first : data.subarray(width, 2 * width), width)
  return { shape: [2, width], data: both }
}

function linear(take: Take, site: string, inSize: number, outSize: number): readonly NamedTensor[] {
  return [
    [`${site}.weight`, transposed(take(`${site}.weight`, [outSize, inSize]))],
    [`${site}.bias`, take(`${site}.bias`, [outSize])],
  ]
}

function norm(take: Take, name: string, width: number): readonly NamedTensor[] {
  return [
    [`${name}.weight`, take(`${name}.weight`, [width])],
    [`${name}.bias`, take(`${name}.bias`, [width])],
  ]
}

/** Takes from a checkpoint in safetensors. */
function taker(stored: ReadonlyMap<string, StoredTensor>, words: string): Take {
  const starts = ['', 'bert.', 'roberta.', 'model.']
  const prefix = starts.find((start) => stored.has(start + words)) ?? ''
  return (name, shape) => {
    const found = [name, olderName(name)].find((known) => stored.has(prefix + known)) ?? name
    const tensor = stored.get(prefix + found)
    if (tensor === undefined) throw invalid(name, 'is missing')
    if (tensor.shape.join() !== shape.join())
      throw invalid(name, `is [${tensor.shape.join()}], but config.json says [${shape.join()}]`)
    return toFloat32(tensor, name)
  }
}

/** Checkpoints converted from the first TensorFlow release use gamma and beta. */
function olderName(name: string): string {
  return name
    .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
    .replace(/LayerNorm\.bias$/, 'LayerNorm.beta')
}

function invalid(tensor: string, what: string): Error {
  return failure('BASE_INVALID', `model.safetensors: ${tensor} ${what}`, { details: { tensor } })
}
