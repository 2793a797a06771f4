/**
 * The tensors of a BERT checkpoint in the form of the network. PyTorch stores a linear map as [out, in]; each is
 * transposed once to [in, out]. Tensors that the network does not read (a pooler, a language-model head) are ignored.
 */
import { toFloat32 } from '../../nn/containers/floats.ts'
import type { StoredTensor } from '../../nn/containers/safetensors.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { BertConfig } from './config.ts'

type StoredTensors = ReadonlyMap<string, StoredTensor>
type NamedTensor = readonly [name: string, tensor: Tensor]
type Take = (name: string, shape: readonly number[]) => Tensor

const WORDS = 'embeddings.word_embeddings.weight'
const POSITIONS = 'embeddings.position_embeddings.weight'

export function takeBertWeights(stored: StoredTensors, config: BertConfig): Tensors {
  const { layers, width, inner, positions, vocabulary, types } = config
  const take = taker(stored)
  const kinds = take('embeddings.token_type_embeddings.weight', [types, width])
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

/** Looks up a tensor by its name in `BertModel`, and checks its shape. */
function taker(stored: StoredTensors): Take {
  const prefix = ['', 'bert.'].find((start) => stored.has(start + WORDS)) ?? ''
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

function transposed({ shape, data }: Tensor): Tensor {
  const [rows = 0, columns = 0] = shape
  const turned = new Float32Array(data.length)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      turned[column * rows + row] = data[row * columns + column] ?? NaN
  return { shape: [columns, rows], data: turned }
}

function invalid(tensor: string, what: string): Error {
  return failure('BASE_INVALID', `model.safetensors: ${tensor} ${what}`, { details: { tensor } })
}
