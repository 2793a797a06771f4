/** Products in 8 bits against their formula, of any numbers and of numbers that cannot be far below zero. */
import { expect, onTestFinished, test } from 'vitest'
import type { Ops } from '../../src/contracts/ops.ts'
import type { Value } from '../../src/nn/onnx/graph.ts'
import { quantizedMatrix } from '../../src/nn/onnx/quantized-matrix.ts'
import { openSession, ortTensor } from '../../src/nn/onnx/session.ts'
import { recordGraph } from '../../src/nn/record.ts'
import { openRandom } from '../../src/platform/random.ts'

const [width, wide] = [48, 20]
const random = openRandom(1, 'quantize')
const drawn = (length: number) => Float32Array.from({ length }, () => random.normal())
const weight = { shape: [width, wide], data: drawn(width * wide) }
const row = (value: (at: number) => number) =>
  Float32Array.from({ length: width }, (_, at) => value(at))
const rows = [
  drawn(width),
  row(() => 0),
  row((at) => -1 - at),
  row((at) => -0.7 + at / 1000),
  row((at) => (at === 5 ? 3000 : 0.01)),
  row((at) => 1e-20 * at),
]

/** What the network does before the product. */
const cases: Readonly<Record<string, (ops: Ops<Value>, x: Value) => Value>> = {
  'any numbers': (_ops, x) => x,
  gelu: (ops, x) => ops.gelu(x),
  relu: (ops, x) => ops.relu(x),
  'relu and a sum': (ops, x) => ops.sub(ops.relu(x), ops.scalar(2)),
}

test.each(Object.keys(cases))('a product of %s in 8 bits follows its formula', async (name) => {
  const model = recordGraph({
    weights: new Map([['w', weight]]),
    quantize: 'int8',
    build(ops, graph, trunkOps) {
      const x = cases[name]!(trunkOps, graph.input('x', 'float32', ['batch', 'positions', width]))
      return { given: ops.add(x, ops.scalar(0)), y: trunkOps.matMul(x, ops.weight('w')) }
    },
  })
  const session = await openSession(Uint8Array.from(model))
  onTestFinished(() => session.close())
  const data = Float32Array.from(rows.flatMap((each) => [...each]))
  const { given, y } = await session.run({ x: ortTensor({ shape: [2, 3, width], data }) })
  expect(y!.shape).toEqual([2, 3, wide])
  const least = name === 'gelu' ? 0.17 : 1e-12
  for (const at of rows.keys()) {
    const x = Array.from(given!.data.slice(at * width, (at + 1) * width))
    const expected = formula(x, least)
    const most = Math.max(1e-6, ...expected.map(Math.abs))
    for (const [column, value] of expected.entries())
      expect(Math.abs(y!.data[at * wide + column]! - value) / most).toBeLessThan(1e-5)
  }
})

/** Kernels of x86 without VNNI add the products of two neighbours in 16 bits. */
test('no two products leave 16 bits, whatever a row and a matrix hold', () => {
  const sizes = [1, 1e-30, 1e30]
  for (const data of [
    ...sizes.map((size) => new Float32Array(4).fill(size)),
    ...sizes.map((size) => new Float32Array(4).fill(-size)),
    ...Array.from({ length: 50 }, () => drawn(4)),
  ])
    for (const isTurned of [false, true]) {
      const steps = quantizedMatrix({ shape: isTurned ? [2, 2] : [4, 1], data }, isTurned).data
      const most = Math.max(...steps.map(Math.abs))
      expect(2 * 255 * most).toBeLessThan(2 ** 15)
    }
})

function formula(x: readonly number[], least: number): number[] {
  const { data, scales } = quantizedMatrix(weight, false)
  const scale = Math.fround(Math.max(least, ...x.map(Math.abs)) * Math.fround(1 / 127))
  const steps = x.map((value) => toEven(Math.fround(value / scale)))
  return Array.from(scales, (t, column) => {
    const sum = steps.reduce((total, step, at) => total + step * data[at * wide + column]!, 0)
    return sum * scale * t
  })
}

function toEven(value: number): number {
  const down = Math.floor(value)
  if (value - down !== 0.5) return Math.round(value)
  return down % 2 === 0 ? down : down + 1
}
