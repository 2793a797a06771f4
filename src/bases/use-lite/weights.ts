/**
 * The packaged tensors under the names that the network uses: the graph's long paths become target modules, the fused
 * query-key-value map becomes three, and the timing signal, which the graph recomputes each time, becomes a table.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { USE_LITE_POSITIONS } from './network.ts'

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
