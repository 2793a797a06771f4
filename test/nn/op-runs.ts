/** Runs an operation's case in either engine on the same numbers. */
import type * as tfc from '@tensorflow/tfjs-core'
import { onTestFinished } from 'vitest'
import type { Random, Tensor } from '../../src/contracts/core.ts'
import {
  openSession,
  ortTensor,
  type FeedTensor,
  type OnnxSession,
} from '../../src/nn/onnx/session.ts'
import { paramInput } from '../../src/nn/onnx/ops.ts'
import type { OnnxGraph } from '../../src/nn/onnx/graph.ts'
import { recordGraph } from '../../src/nn/record.ts'
import type { TensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'
import type { OpCase, Place, Sizes } from './op-cases.ts'

export type Sample = ReadonlyMap<string, FeedTensor>

export function drawSizes(random: Random): Sizes {
  return {
    b: 1 + random.below(3),
    s: 1 + random.below(5),
    heads: 1 + random.below(2),
    size: 3 + random.below(3),
    out: 1 + random.below(6),
  }
}

export function drawSample({ places }: OpCase, sizes: Sizes, random: Random): Sample {
  const draw = ([name, place]: [string, Place]) => [name, drawTensor(place, sizes, random)] as const
  return new Map(Object.entries(places).map(draw))
}

function drawTensor({ shape, values }: Place, sizes: Sizes, random: Random): FeedTensor {
  const dims = shape(sizes)
  const length = dims.reduce((product, size) => product * size, 1)
  const fill = (value: (at: number) => number) =>
    values === 'ids'
      ? Int32Array.from({ length }, (_, at) => value(at))
      : Float32Array.from({ length }, (_, at) => value(at))
  const normal = () => random.normal()
  const drawn = {
    normal,
    positive: () => 0.5 + random.uniform(),
    away: () => (random.uniform() < 0.5 ? -1 : 1) * (0.2 + random.uniform()),
    zero: () => 0,
    ids: () => random.below(5),
    mask: (at: number) => (at % sizes.s === 0 ? 1 : random.below(2)),
    branches: (at: number) => (at % sizes.s === 0 ? 1 : random.below(4)),
  }[values ?? 'normal']
  return { shape: dims, data: fill(drawn) }
}

/** Must be called inside a tidy. `replaced` stands in for the sample's own tensor of that name. */
export function runTfjs(
  tf: TensorFlow,
  opCase: OpCase,
  sample: Sample,
  sizes: Sizes,
  replaced: ReadonlyMap<string, tfc.Tensor> = new Map(),
): tfc.Tensor {
  const tensors = new Map([...sample].map(([name, tensor]) => [name, upload(tf, tensor)]))
  for (const [name, tensor] of replaced) tensors.set(name, tensor)
  const ops = tfjsOps(tf, tensors, tensors)
  return opCase.build(
    ops,
    (name) => {
      const { from } = opCase.places[name]!
      return from === 'input' ? tensors.get(name)! : ops[from](name)
    },
    sizes,
  )
}

function upload(tf: TensorFlow, { shape, data }: FeedTensor): tfc.Tensor {
  return tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32')
}

/** The adapter's tensors go in as a stack of one that every row takes. */
export async function runOnnx(opCase: OpCase, sample: Sample, sizes: Sizes): Promise<FeedTensor> {
  const session = await record(opCase, sample, sizes)
  const feeds = [...sample].map(([name, tensor]) =>
    opCase.places[name]!.from === 'param'
      ? ([paramInput(name), ortTensor({ ...tensor, shape: [1, ...tensor.shape] })] as const)
      : ([name, ortTensor(tensor)] as const),
  )
  const row_adapter = ortTensor({ shape: [sizes.b], data: new Int32Array(sizes.b) })
  const { answer } = await session.run({ ...Object.fromEntries(feeds), row_adapter })
  return answer!
}

async function record(opCase: OpCase, sample: Sample, sizes: Sizes): Promise<OnnxSession> {
  const model = recordGraph({
    weights: sample as ReadonlyMap<string, Tensor>,
    paramRanks: new Map([...sample].map(([name, { shape }]) => [name, shape.length])),
    build: (ops, graph) => ({
      answer: opCase.build(
        ops,
        (name) => {
          const { from } = opCase.places[name]!
          return from === 'input' ? input(graph, name, sample.get(name)!) : ops[from](name)
        },
        sizes,
      ),
    }),
  })
  const session = await openSession(Uint8Array.from(model))
  onTestFinished(() => session.close())
  return session
}

function input(graph: OnnxGraph, name: string, { shape, data }: FeedTensor) {
  const free = shape.map((_, axis) => `${name}/${axis}`)
  return graph.input(name, data instanceof Int32Array ? 'int32' : 'float32', free)
}
