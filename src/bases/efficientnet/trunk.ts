/**
 * The lower part of EfficientNet-Lite0, which nothing trains: pixels → 7 × 7 places with 192 numbers each, as one ONNX graph.
 * Norms are folded into the convolutions before them.
 *
 *   stem 3 × 3, then blocks: [expand 1 × 1] → 3 × 3 or 5 × 5 of each channel by itself → project 1 × 1 [+ the input]
 *
 * Padding is TensorFlow's SAME: the odd row and column of zeros come last. No squeeze-and-excitation, relu6 throughout.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { OnnxGraph, elementType, type Value } from '../../nn/onnx/graph.ts'
import type { OnnxModel } from '../../nn/record.ts'
import { failure } from '../../platform/errors.ts'
import { EPSILON, lite0 } from './network.ts'

/** Pixels along a side, as the network was trained. */
export const PIXELS = 224
/** (pixel − 127) / 128, as its own preprocessing had it. */
const [MIDDLE, SPREAD] = [127, 128]

/** Repeats, kernel, stride of the first, whether it expands, channels; of the stages below the last block. */
const stages = [
  { repeats: 1, kernel: 3, stride: 1, expands: false, channels: 16 },
  { repeats: 2, kernel: 3, stride: 2, expands: true, channels: 24 },
  { repeats: 2, kernel: 5, stride: 2, expands: true, channels: 40 },
  { repeats: 3, kernel: 3, stride: 2, expands: true, channels: 80 },
  { repeats: 3, kernel: 5, stride: 1, expands: true, channels: 112 },
  { repeats: 4, kernel: 5, stride: 2, expands: true, channels: 192 },
] as const
const EXPANSION = 6
const STEM = 32

/** Input `pixels` [batch, 224, 224, 3], bytes of red, green and blue; output `values` [batch, 49, 192]. */
export function recordPictureTrunk(weights: Tensors): OnnxModel {
  const graph = new OnnxGraph()
  const convolve = convolutions(graph, weights)
  const pixels = graph.input('pixels', 'uint8', ['batch', PIXELS, PIXELS, 3])
  const floats = graph.op('Cast', [pixels], { to: { int: elementType.float32 } })
  const centred = graph.op('Sub', [floats, graph.float(MIDDLE)])
  const scaled = graph.op('Div', [centred, graph.float(SPREAD)])
  const picture = graph.op('Transpose', [scaled], { perm: { ints: [0, 3, 1, 2] } })
  const relu6 = (x: Value) => graph.op('Clip', [x, graph.float(0), graph.float(6)])
  let x = relu6(convolve('_conv_stem', '_bn0', picture, { stride: 2, shape: [STEM, 3, 3, 3] }))
  let channels: number = STEM
  let at = 0
  for (const { repeats, kernel, stride, expands, channels: out } of stages)
    for (let turn = 0; turn < repeats; turn += 1, at += 1) {
      const block = `_blocks.${at}`
      const inner = expands ? channels * EXPANSION : channels
      const wide = expands
        ? relu6(
            convolve(`${block}._expand_conv`, `${block}._bn0`, x, {
              stride: 1,
              shape: [inner, channels, 1, 1],
            }),
          )
        : x
      const filtered = relu6(
        convolve(`${block}._depthwise_conv`, `${block}._bn1`, wide, {
          stride: turn === 0 ? stride : 1,
          shape: [inner, 1, kernel, kernel],
        }),
      )
      const projected = convolve(`${block}._project_conv`, `${block}._bn2`, filtered, {
        stride: 1,
        shape: [out, inner, 1, 1],
      })
      x = turn === 0 ? projected : graph.op('Add', [projected, x])
      channels = out
    }
  const places = graph.op('Reshape', [x, graph.ints(0, channels, lite0.side ** 2)])
  graph.output('values', graph.op('Transpose', [places], { perm: { ints: [0, 2, 1] } }))
  return graph.layOut()
}

interface Convolution {
  readonly stride: number
  /** [out, in, k, k]; in = 1 where each channel has a filter of its own. */
  readonly shape: readonly [number, number, number, number]
}

function convolutions(graph: OnnxGraph, weights: Tensors) {
  return (name: string, norm: string, x: Value, { stride, shape }: Convolution): Value => {
    const { weight, bias } = folded(weights, name, norm, shape)
    const [out, inner, kernel] = shape
    return graph.op(
      'Conv',
      [x, graph.weight(`${name}.weight`, weight), graph.weight(`${name}.bias`, bias)],
      {
        auto_pad: { text: 'SAME_UPPER' },
        group: { int: inner === 1 ? out : 1 },
        kernel_shape: { ints: [kernel, kernel] },
        strides: { ints: [stride, stride] },
      },
    )
  }
}

/** W·s and bias − mean·s, s = scale / √(variance + ε) of each output. */
function folded(
  weights: Tensors,
  name: string,
  norm: string,
  shape: readonly [number, ...number[]],
): { readonly weight: Tensor; readonly bias: Tensor } {
  const [out] = shape
  const own = takeTensor(weights, `${name}.weight`, shape).data
  const of = (what: string) => takeTensor(weights, `${norm}.${what}`, [out]).data
  const [scale, shift] = [of('weight'), of('bias')]
  const [mean, variance] = [of('running_mean'), of('running_var')]
  const size = own.length / out
  const data = new Float32Array(own.length)
  const bias = new Float32Array(out)
  for (let channel = 0; channel < out; channel += 1) {
    const s = (scale[channel] ?? 0) / Math.sqrt((variance[channel] ?? 0) + EPSILON)
    for (let at = channel * size; at < (channel + 1) * size; at += 1) data[at] = (own[at] ?? 0) * s
    bias[channel] = (shift[channel] ?? 0) - (mean[channel] ?? 0) * s
  }
  return { weight: { shape, data }, bias: { shape: [out], data: bias } }
}

/** Throws BASE_INVALID if it is not there in this shape. */
export function takeTensor(weights: Tensors, name: string, shape: readonly number[]): Tensor {
  const tensor = weights.get(name)
  if (tensor?.shape.join() === shape.join()) return tensor
  const found = tensor === undefined ? 'is missing' : `has the shape ${tensor.shape.join('×')}`
  throw failure('BASE_INVALID', `${name} ${found}, not ${shape.join('×')}`)
}
